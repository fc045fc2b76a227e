"""Measure the conversion lag: how long conversions take to arrive. `settle: auto` leaves that time out."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete
from sqlalchemy.orm import Session

from bridge.reports import chunk_cache
from bridge.reports.fact_batch import UNKNOWN_DELAY
from bridge.store import feeds
from bridge.store.entities import Delay
from bridge.store.feeds import FeedKey, Kind

LOOK_BACK = timedelta(days=28)
MIN_CONVERSIONS = 20  # conversions; fewer say little about the slowest tenth, then all offers together speak


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds from click to conversion. `offer` is empty over all offers."""

    offer: str
    p50: int
    p90: int
    sample: int


def measure(session: Session, account: str, integration: str, now: datetime) -> list[Measured]:
    """Measure the last four weeks again and store the result. Nothing is stored without conversions."""
    feed = feeds.find(session, FeedKey(account=account, integration=integration, kind=Kind.CONVERSIONS))
    found = [] if feed is None else _measured(session, feed.id, now)
    if found:
        mine = (Delay.account == account, Delay.integration == integration)
        session.execute(delete(Delay).where(*mine))
        session.add_all(
            Delay(
                account=account,
                integration=integration,
                offer=one.offer,
                p50=one.p50,
                p90=one.p90,
                sample=one.sample,
                measured_at=now,
            )
            for one in found
        )
    return found


def _measured(session: Session, feed_id: int, now: datetime) -> list[Measured]:
    names: dict[str, int] = {"": 0}
    offers, delays = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    low = int((now - LOOK_BACK).timestamp())
    for _, batch in chunk_cache.rows_between(session, [feed_id], now - LOOK_BACK, None):
        good = (batch.weight > 0) & (batch.delay != UNKNOWN_DELAY) & (batch.event >= low)
        offers.append(batch.column("offer").into(names)[good])
        delays.append(batch.delay[good])
    labels = list(names)
    offer, delay = np.concatenate(offers), np.concatenate(delays)
    if len(delay) < MIN_CONVERSIONS:
        return []
    order = np.lexsort((delay, offer))
    offer, delay = offer[order], delay[order]
    starts = np.flatnonzero(np.append(True, offer[1:] != offer[:-1]))
    parts = zip(starts.tolist(), [*starts[1:].tolist(), len(offer)], strict=True)
    each = [
        _of(labels[offer[low]], delay[low:high]) for low, high in parts if high - low >= MIN_CONVERSIONS and offer[low]
    ]
    return [_of("", np.sort(delay)), *each]


def _of(offer: str, ordered: NDArray[np.int32]) -> Measured:
    """Return the smallest delay that this share of conversions does not exceed."""
    p50, p90 = (int(ordered[max(int(np.ceil(share * len(ordered))) - 1, 0)]) for share in (0.5, 0.9))
    return Measured(offer, p50, p90, len(ordered))
