"""Notice from the outcomes of a batch that an endpoint of Integr8 is out, or answers again.

Integr8 may fail `offers.*` and answer everything else. The breaker of the account does not see that, and effects that
each wait by themselves, longer with each failure, would come back in any order: the oldest last.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeGuard

import structlog
from sqlalchemy.orm import Session

from bridge.effects.claims import Batch
from bridge.effects.handlers import MERGED_VERBS, Ambiguous, Outcome, RetryLater
from bridge.effects.handlers.job import PAUSE_UNREACHABLE
from bridge.store import endpoint_outages
from bridge.store.endpoint_outages import Endpoint
from bridge.store.engine import Store

log = structlog.get_logger()

TRIES = 2  # of an effect, until what failed is more than one lost answer
ALONE = 8.0  # s, the longest that an effect waits that nobody else waits with, in its first LONELY tries
LONELY = 30


def note_outages(store: Store, batch: Batch, outcomes: Sequence[Outcome], now: datetime) -> list[Outcome]:
    """Record which endpoints have an outage and which have recovered. Returns the outcomes with their waits.

    All effects that wait for such an endpoint are due at its next try, so that they keep their order. An outage
    needs failures of two effects at least: a failure of one may be due to its target.
    """
    if not batch.probes and not any(map(_failed, outcomes)):
        return list(outcomes)
    by_endpoint: dict[Endpoint, list[Outcome]] = {}
    for one in outcomes:
        by_endpoint.setdefault(_endpoint(batch, one), []).append(one)
    waits: dict[int, float] = {}
    with store.write() as session:
        for endpoint, some in by_endpoint.items():
            probe = batch.probes.get(endpoint.name)
            asked = [one for one in some if not _unasked(one)]
            failed = bool(asked) and all(map(_failed, asked))
            if probe is not None and (failed or not asked):
                endpoint_outages.go_on(session, probe, now)
                waits |= dict.fromkeys(_kept_ready(batch, some), PAUSE_UNREACHABLE)
            elif probe is not None:
                forward = endpoint_outages.end(session, endpoint.name, now)
                log.info("outage of an endpoint is over", endpoint=endpoint.name, brought_forward=forward)
            elif failed and max(one.job.attempts for one in asked) >= TRIES:
                waits |= _when_it_failed(session, endpoint, asked, now)
    return [_sooner(one, waits.get(one.job.id)) for one in outcomes]


def _kept_ready(batch: Batch, outcomes: Sequence[Outcome]) -> list[int]:
    """Return who is due again at the next try: the first in order. Those that go one by one take turns after it."""
    ids = [one.job.id for one in outcomes]
    return ids if batch.verb in MERGED_VERBS else [one.id for one in batch.jobs if one.id in ids][:1]


def _when_it_failed(session: Session, endpoint: Endpoint, asked: Sequence[Outcome], now: datetime) -> dict[int, float]:
    """Return how long each effect waits at most. The endpoint is out, unless Integr8 failed on this effect only."""
    ids = [one.job.id for one in asked]
    if len(ids) > 1 or endpoint_outages.several_wait(session, endpoint, ids):
        endpoint_outages.begin(session, endpoint, now)
        return dict.fromkeys(ids, PAUSE_UNREACHABLE)
    return {one.job.id: ALONE for one in asked if one.job.attempts <= LONELY}


def _sooner(outcome: Outcome, most: float | None) -> Outcome:
    return replace(outcome, wait=min(outcome.wait, most)) if _failed(outcome) and most is not None else outcome


def _endpoint(batch: Batch, outcome: Outcome) -> Endpoint:
    return endpoint_outages.of(batch.effects[outcome.job.id])


def _failed(outcome: Outcome) -> TypeGuard[RetryLater | Ambiguous]:
    """Return whether Integr8 failed, so that what else needs the same calls would fare no better."""
    return isinstance(outcome, RetryLater | Ambiguous) and outcome.outage


def _unasked(outcome: Outcome) -> bool:
    """Return whether Integr8 was not asked at all."""
    return isinstance(outcome, RetryLater | Ambiguous) and outcome.unasked
