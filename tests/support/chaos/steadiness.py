"""Whether a series of measurements stays flat. Pure: numbers in, sentences out."""

from collections.abc import Sequence
from statistics import median

Point = tuple[float, float]  # seconds since the start, value

WARM_UP = 0.25  # share of the time after which latencies are compared
FILLED = 0.5  # share after which caches, pools and the allocator's arenas are expected to have their size
MEGABYTES_AN_HOUR = 10.0  # what a flat process may seem to grow by; a byte per event at half load is about one
SHARE_AN_HOUR = 0.10
SLOWER = 1.5  # a latency may wander on a shared machine; growing with the tables would pass this within minutes
MILLISECONDS = 5.0
UNEVEN = 1.3  # rows of one half of the time over those of the other half


def slope(points: Sequence[Point]) -> float:
    """Per second, by Theil and Sen: the median over all pairs, so that single peaks decide nothing."""
    pairs = [
        (value - before) / (at - earlier)
        for number, (at, value) in enumerate(points)
        for earlier, before in points[:number]
        if at > earlier
    ]
    return median(pairs) if pairs else 0.0


def warm(points: Sequence[Point], share: float = WARM_UP) -> list[Point]:
    """Without the beginning."""
    if not points:
        return []
    begin = points[0][0] + share * (points[-1][0] - points[0][0])
    return [point for point in points if point[0] >= begin]


def grown(name: str, points: Sequence[Point]) -> str | None:
    """A sentence where memory (megabytes) grows steadily; None where it is flat."""
    steady = warm(points, FILLED)
    an_hour = slope(steady) * 3600
    size = median(value for _, value in steady)
    allowed = max(MEGABYTES_AN_HOUR, SHARE_AN_HOUR * size)
    return f"{name}: grows by {an_hour:.1f} MB an hour at {size:.0f} MB" if an_hour > allowed else None


def slowed(name: str, points: Sequence[Point]) -> str | None:
    """A sentence where the last third (milliseconds) is slower than the first one after the warm-up."""
    steady = [value for _, value in warm(points)]
    third = max(1, len(steady) // 3)
    first, last = median(steady[:third]), median(steady[-third:])
    return f"{name}: {first:.1f} ms, later {last:.1f} ms" if last > first * SLOWER + MILLISECONDS else None


def uneven(name: str, rows: Sequence[Point], work: Sequence[Point]) -> str | None:
    """A sentence where a table gains more rows for the same work in the second half than in the first one."""
    middle = len(rows) // 2
    first = (rows[middle][1] - rows[0][1]) / max(1.0, work[middle][1] - work[0][1])
    second = (rows[-1][1] - rows[middle][1]) / max(1.0, work[-1][1] - work[middle][1])
    few = rows[-1][1] - rows[middle][1] < 100
    if few or second <= first * UNEVEN:
        return None
    return f"{name}: {first:.3f} rows for each event, later {second:.3f}"
