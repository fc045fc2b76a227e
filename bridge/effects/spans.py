"""Trace spans of effects: one span per batch, a child of its first run and linked to the others.

Free while tracing is off.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from bridge.effects.claims import Batch
from bridge.observability import tracing
from bridge.store import traces
from bridge.store.engine import Store

MAX_LINKS = 100  # runs whose effects went out in one call


@contextmanager
def effects(store: Store, batch: Batch) -> Iterator[None]:
    """Open a span around one batch.

    Effects of many runs go out together: it is below the first run and linked to the others.
    """
    if not tracing.on():
        yield
        return
    with store.read() as session:
        runs = traces.of_effects(session, batch.effects)[:MAX_LINKS]
    with tracing.span(
        f"effects {batch.verb}", parent=runs[0] if runs else None, links=runs[1:],
        verb=batch.verb, kind=batch.kind or None, account=batch.account, effects=sorted(batch.effects)[:MAX_LINKS],
    ):  # fmt: skip
        yield
