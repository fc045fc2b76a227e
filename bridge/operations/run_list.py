"""List runs, where consecutive evaluations of one rule with the same answer are one row."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.store.runs import Cause, Run

DULL = frozenset({"nothing", "stopped", "shadow"})  # outcomes of an evaluation that changed nothing


@dataclass(frozen=True, slots=True)
class FoldedRun:
    """The newest run of a row, and how many like it came before without another in between, since when."""

    run: Run
    checks: int
    since: datetime


def fold(runs: Sequence[Run]) -> list[FoldedRun]:
    """Fold runs, newest first.

    Each rule is folded separately, because rules take turns; a row has the place of its newest run.
    """
    rows: dict[int, list[Run]] = {}
    open_rows: dict[str, tuple[tuple[object, ...], int]] = {}
    for run in runs:
        key = _key(run)
        last = open_rows.get(run.rule_id)
        if key is not None and last is not None and last[0] == key:
            rows[last[1]].append(run)
            continue
        rows[run.id] = [run]
        if key is None:
            open_rows.pop(run.rule_id, None)
        else:
            open_rows[run.rule_id] = key, run.id
    return [FoldedRun(mine[0], len(mine), mine[-1].started_at) for mine in rows.values()]


def _key(run: Run) -> tuple[object, ...] | None:
    """Return what must be equal to fold; None for a run that is never folded."""
    if run.outcome not in DULL or run.cause != Cause.SLOT:
        return None
    return run.mode, run.outcome, run.yes, run.error
