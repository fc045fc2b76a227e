"""Generate traffic for the data benchmarks: few large offers, many small ones, and conversions that come late."""

import numpy as np

from bridge.reports.fact_batch import UNKNOWN_DELAY, Batch, Labels

DAY = 86_400
START = 1_767_225_600  # 2026-01-01
CONVERTS = 0.02


def names(prefix: str, count: int) -> tuple[str, ...]:
    return ("", *(f"{prefix}{number}" for number in range(1, count + 1)))


def traffic(rows: int, *, days: int, offers: int, publishers: int, seed: int = 5) -> tuple[Batch, Batch]:
    """(clicks, conversions), about `rows` in all, in the order of their event times."""
    random = np.random.default_rng(seed)
    clicks = int(rows / (1 + CONVERTS))
    event = np.sort(random.integers(START, START + days * DAY, clicks))
    labels = {
        "offer": Labels(_skewed(random, offers, clicks), names("", offers)),
        "publisher": Labels(_skewed(random, publishers, clicks), names("p", publishers)),
        "country": Labels(random.integers(1, 6, clicks).astype(np.int32), ("", "DE", "FR", "US", "GB", "IT")),
    }
    seen = event + random.integers(30, 330, clicks)
    sold = np.sort(random.choice(clicks, int(clicks * CONVERTS), replace=False))
    # Every twentieth offer stops converting half way through: something for a rule to find.
    dead = (labels["offer"].codes[sold] % 20 == 0) & (event[sold] > START + days * DAY // 2)
    sold = sold[~dead]
    delay = random.exponential(3_000, len(sold)).astype(np.int64)
    happened = event[sold] + delay
    order = np.argsort(happened, kind="stable")
    bought = {name: column.take(sold[order]) for name, column in labels.items()}
    return (
        _batch(event, seen, labels, random),
        _batch(happened[order], happened[order] + random.integers(30, 330, len(sold)), bought, random, delay[order]),
    )


def _skewed(random, count: int, size: int):
    """Few are large and most are small, but each occurs."""
    shares = 1 / np.arange(1, count + 1) ** 0.6
    return (random.choice(count, size, p=shares / shares.sum()) + 1).astype(np.int32)


def _batch(event, seen, labels, random, delay=None) -> Batch:
    size = len(event)
    paid = np.zeros(size, np.int64) if delay is None else np.full(size, 1_200_000, np.int64)
    stamps = (event * 1000 + random.integers(0, 1000, size)).astype(np.uint64)
    return Batch(
        event=event.astype(np.int64),
        seen=seen.astype(np.int64),
        high=stamps << np.uint64(16) | random.integers(0, 1 << 16, size).astype(np.uint64),
        low=random.integers(0, 1 << 63, size).astype(np.uint64),
        nth=np.zeros(size, np.uint8),
        status=np.ones(size, np.uint8),
        weight=np.ones(size, np.int32),
        payout=paid,
        revenue=paid * 3 // 2,
        delay=np.full(size, UNKNOWN_DELAY, np.int32) if delay is None else delay.astype(np.int32),
        labels=labels,
    )
