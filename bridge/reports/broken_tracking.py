"""Detect broken tracking: conversions of an advertiser that were due from its clicks and have not arrived.

What was due is worked out from the clicks, the delay curves and the rates of the offers over the week before. A bad
offer hurts itself; a dead postback hurts all offers of its advertiser at once. So a break is a time range of the last
three days in which far fewer conversions came than were due, and not only those of one offer. It ends by itself when
the hole is filled in: then nothing is missing any more. An advertiser whose conversions are listed in batches is judged
up to the last batch that must have been listed, as the week before shows. Performs no I/O; all state can be derived
again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bridge.reports.arrival_curves import DAY, EDGES, HORIZON, MINUTE, PUNCTUAL, SHARE_STEPS, Curves
from bridge.reports.segments import Codes, Per, Segment
from bridge.reports.stored_segments import Stored
from bridge.reports.windows import BY_CLICK, Edges, News, Placed, Windows
from bridge.store.feeds import Kind
from rules.model.facts import Break

BIN = 900  # seconds
MAX_BINS_COUNTED_SINGLY = 8  # bins; for more the clicks are counted in one pass
MAX_CELLS_ADDED = 4_000_000  # late clicks times bins; for more all is counted anew
LOOK_BACK = 3 * DAY
PAIRS: Per = ("advertiser", "offer")
FAR_AWAY = 5_000_000_000  # knowledge of all times to come: hindsight, in which nothing is missing any more
# What the evidence (a logarithm) needs. By simulation, for 20 advertisers of 2 to 40 conversions an hour whose rates
# differ by 10% from day to day, in a month: FULL_NEEDS gives 0.3 false incidents at most, 9.5 would give 2;
# PARTIAL_NEEDS gives 0.1, and 10 would give 2 (`python -m benchmarks tracking`).
FULL, FULL_NEEDS = 0.02, 11.5  # next to nothing arrives: twelve that were due prove it
PARTIAL, PARTIAL_NEEDS = 0.4, 14.0  # a part arrives; half lost is proven by about a hundred that were due
# At about 20 conversions an hour a break is found within half an hour, which is ten that were due. Busier advertisers
# are faster without that, and slower ones would each pay for it with more false incidents.
PROMISED, PROMISED_NEEDS = (18.0, 24.0), 9.5
NEARLY_ALL, LISTED_LEAST = 0.97, 10  # the share of a day's conversions that must be listed; fewer a day say nothing
OTHERS_DUE = 5.0  # conversions due from the other offers; with fewer they cannot testify
OTHERS_NEED = 2.0  # the evidence that the other offers miss conversions, too

Floats = NDArray[np.float64]
NO_RATES: Floats = np.zeros(0)
NOTHING = np.zeros(0, dtype=np.int64)


class Clicks(Protocol):
    """What `bridge.reports.click_cohorts.Cohorts` offers."""

    @property
    def windows(self) -> Windows: ...
    @property
    def known(self) -> int: ...
    @property
    def reach(self) -> int: ...
    @property
    def curves(self) -> Curves | None: ...

    def at(self, reach: int, known: int | None = None) -> "Clicks": ...

    def curve_rows(self, wide: Per, curves: Curves) -> tuple[NDArray[np.intp], NDArray[np.bool_]]: ...

    def tabled(self, per: Per, moments: Sequence[int]) -> "Clicks": ...

    def due(self, per: Per, start: int, end: int) -> Floats: ...


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """What a process has worked out, for the next one."""

    known: int
    day: int  # of the curves
    due: Mapping[int, Floats]  # beginning of a quarter of an hour → clicks whose conversions were due in it, per pair
    rates_of: tuple[int, int] | None  # the day, and the day of the curves
    rates: Floats  # conversions per click of each pair


@dataclass(slots=True, eq=False)
class Tracking:
    """Keeps what is expensive to count: the clicks whose conversions were due in each quarter of an hour.

    Clicks that come to be known later are added to it, so that every answer is the one of a process that counts all of
    it at that moment.
    """

    _due: dict[int, Floats] = field(default_factory=dict)  # beginning of a bin → clicks that were due, per pair
    _known: int = 0  # it is of what was known at this moment,
    _day: int = 0  # and by the curves of this day
    _news: News | None = None  # clicks that were taken in later
    _rates: tuple[tuple[int, int], Floats] | None = None  # of a day, by the curves of a day
    _lags: dict[Per, tuple[int, tuple[NDArray[np.int64], NDArray[np.int64]]]] = field(default_factory=dict)

    def forget(self) -> None:
        """Count all of it anew."""
        self._due.clear()
        self._lags.clear()
        self._rates, self._news = None, None

    def forget_what_lacks(self, seen: int) -> None:
        """Count anew what was worked out for good from the facts that had been seen by a moment after `seen`."""
        days = [self._day, *(day for day, _ in self._lags.values()), *(self._rates[0] if self._rates else ())]
        if seen <= max(days):
            self.forget()

    def written(self) -> Written | None:
        """What another process can go on with; None where clicks are yet to be added that it could not find."""
        if self._news is None or self._news.is_over:
            return None
        if any(_first_seen(one) <= self._known for one in self._news.pieces):
            return None
        return Written(self._known, self._day, self._due, *(self._rates or (None, NO_RATES)))

    def go_on_with(self, written: Written, windows: Windows) -> None:
        """Go on with what another process has worked out, for subjects with the same numbers and the same facts."""
        self._known, self._day, self._due = written.known, written.day, dict(written.due)
        self._rates = None if written.rates_of is None else (written.rates_of, written.rates)
        self._news = windows.follow(Kind.CLICKS)

    def breaks(self, sums: "Clicks", since: int) -> dict[str, Break]:
        """Advertisers whose tracking is broken, by what was known then. Observations are complete from `since`."""
        windows, known = sums.windows, sums.known
        end = sums.reach // BIN * BIN
        start = max(end - LOOK_BACK, (since + 9 * DAY) // BIN * BIN)  # rates need a week that ended a day before
        if sums.curves is None or start >= end or known > FAR_AWAY:
            return {}
        if known < self._known:  # about an earlier moment, which is no reason to forget this one
            return Tracking().breaks(sums, since)
        for kind in (Kind.CLICKS, Kind.CONVERSIONS, BY_CLICK):
            windows.number(kind, PAIRS)
        rates = self._rate(sums, sums.curves.day, end // DAY * DAY)
        expected = self._expected(sums, sums.curves, rates, start, end)
        parts = windows.subjects.parts(PAIRS)
        came = windows.histogram(Kind.CONVERSIONS, "conversions", PAIRS, Edges(start, end, known), BIN)
        names = [name[0] for name in windows.subjects.known(("advertiser",))]
        owners = parts[:, 0]
        listed = self._listed(sums, len(names))
        for owner in np.flatnonzero(listed).tolist():  # what is not listed yet is not missing
            newest = max(came.shape[1] - int(listed[owner]), 0)
            came[owners == owner, newest:] = 0.0
            expected[owners[: len(expected)] == owner, newest:] = 0.0
        return broken(names, owners, came, expected, start)

    def _rate(self, sums: "Clicks", curves_of: int, day: int) -> Floats:
        """Conversions per effective click of each pair over a week that ended a day ago, as known at midnight."""
        count = sums.windows.subjects.count(PAIRS)
        if self._rates is None or self._rates[0] != (day, curves_of):
            low, high = day - 8 * DAY, day - DAY
            hits = sums.windows.once(BY_CLICK, "conversions", PAIRS, Edges(low, high, day))
            clicks = sums.at(day, known=day).due(PAIRS, low, high)
            size = min(len(hits), len(clicks))
            found = np.zeros(count)
            found[:size] = np.divide(hits[:size], clicks[:size], out=np.zeros(size), where=clicks[:size] > 0)
            self._rates = (day, curves_of), found
        return np.append(self._rates[1], np.zeros(max(count - len(self._rates[1]), 0)))

    def listed_after(self, sums: "Clicks", per: Per) -> NDArray[np.int64]:
        """After how many seconds nearly all conversions of each subject are listed, by the week before; 0: at once."""
        return self._week(sums, per)[0]

    def batched(self, sums: "Clicks", per: Per) -> NDArray[np.int64]:
        """The same where half of the conversions are not listed at once, which single late rows cannot cause."""
        return self._week(sums, per)[1]

    def _week(self, sums: "Clicks", per: Per) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        day = sums.reach // DAY * DAY
        if per not in self._lags or self._lags[per][0] != day:
            rows = sums.windows.listed_after(per, day - 8 * DAY, day - DAY, min(sums.known, day))
            lags, half = listing_lags(*rows), listing_lags(*rows, share=0.5)
            lags = np.where(lags > PUNCTUAL, lags, 0)
            self._lags[per] = day, (lags, np.where(half > PUNCTUAL, lags, 0))
        return self._lags[per][1]

    def _listed(self, sums: "Clicks", size: int) -> NDArray[np.int64]:
        """How many of the newest bins of each advertiser are not judged."""
        lags = self.listed_after(sums, ("advertiser",))
        found = np.zeros(size, np.int64)
        found[: len(lags)] = (-(-lags // BIN))[:size]
        return found

    def _expected(self, sums: "Clicks", curves: Curves, rates: Floats, start: int, end: int) -> Floats:
        """Conversions that were due from each pair (rows) in each bin (columns), as known now."""
        self._bring_up_to_date(sums, curves)
        missing = [low for low in range(start, end, BIN) if low not in self._due]
        if len(missing) > MAX_BINS_COUNTED_SINGLY:  # after a start
            reaches = np.unique([*missing, *(low + BIN for low in missing)])
            moments = np.append(np.array(missing) - HORIZON, np.subtract.outer(reaches, EDGES))
            sums = sums.tabled(PAIRS, np.unique(moments[moments >= missing[0] - HORIZON]).tolist())
        for low in missing:
            after, before = (sums.at(edge).due(PAIRS, low - HORIZON, edge) for edge in (low + BIN, low))
            size = min(len(after), len(before))
            self._due[low] = after[:size] - before[:size]
        for low in [one for one in self._due if one < start]:
            del self._due[low]
        result = np.zeros((len(rates), (end - start) // BIN))
        for column, low in enumerate(range(start, end, BIN)):
            found = self._due[low][: len(rates)]
            result[: len(found), column] = np.maximum(found, 0.0) * rates[: len(found)]
        # No rounding when they are added up: the same in whatever order pairs got their numbers.
        return np.round(result * SHARE_STEPS) / SHARE_STEPS

    def _bring_up_to_date(self, sums: "Clicks", curves: Curves) -> None:
        """Add to what was counted the clicks that have come to be known since."""
        if self._news is None or self._news.is_over or self._day != curves.day:
            self._due.clear()
        try:
            if self._due:
                self._add_late(sums, curves)
        except BaseException:
            self.forget()
            raise
        if not self._due:
            if self._news is None or self._news.is_over:
                self._news = sums.windows.follow(Kind.CLICKS)
            self._news.pieces.clear()
        self._known, self._day = sums.known, curves.day

    def _add_late(self, sums: "Clicks", curves: Curves) -> None:
        assert self._news is not None
        lows = sorted(self._due)
        edges = Edges(lows[0] - HORIZON, lows[-1] + BIN, sums.known)
        late = list(sums.windows.uncounted(self._news, "clicks", PAIRS, self._known, edges))
        self._news.pieces.clear()
        pairs, minutes, clicks = _by_minute(late, edges.start)
        if len(pairs) * len(lows) > MAX_CELLS_ADDED:
            self._due.clear()
            return
        if not len(pairs):
            return
        rows, weighed = sums.curve_rows(PAIRS, curves)
        arrived, count = _arrived(curves), len(rows)
        for low in lows:
            old, new = (np.searchsorted(EDGES, edge - minutes) for edge in (low, low + BIN))
            shares = arrived[rows[pairs], new] - arrived[rows[pairs], old]
            shares = np.where(weighed[pairs], shares, np.minimum(new, 1) - np.minimum(old, 1))
            if shares.any():
                found = np.append(self._due[low], np.zeros(max(count - len(self._due[low]), 0)))
                np.add.at(found, pairs, shares * clicks)
                self._due[low] = found


def _by_minute(late: Sequence[Placed], start: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Clicks by pair and minute, as no share changes within one: the pair, the minute's beginning, how many.

    `start` is the beginning of a minute before all of them.
    """
    if not late:
        return NOTHING, NOTHING, NOTHING
    codes, events, values = (np.concatenate(columns) for columns in zip(*late, strict=True))
    minutes = (events - start) // MINUTE
    length = int(minutes.max(initial=0)) + 1
    groups, where = np.unique(codes * length + minutes, return_inverse=True)
    clicks = np.zeros(len(groups), np.int64)
    np.add.at(clicks, where, values.astype(np.int64))
    groups, clicks = groups[clicks != 0], clicks[clicks != 0]
    return groups // length, start + groups % length * MINUTE, clicks


def _arrived(curves: Curves) -> Floats:
    """The share of its conversions that has arrived of a click, by curve and by the place of its age among EDGES."""
    ages = zip(EDGES[:-1].tolist(), EDGES[1:].tolist(), strict=True)
    cells = [1.0 - curves.missing(youngest, oldest) for youngest, oldest in ages]
    return np.column_stack([np.zeros(len(cells[0])), *cells, np.ones(len(cells[0]))])


def _first_seen(one: Segment | Stored) -> int:
    return int(one.by_seen()[1][0]) if isinstance(one, Segment) else one.first_seen


def listing_lags(
    owners: Codes, events: NDArray[np.int64], lags: NDArray[np.int64], share: float = NEARLY_ALL
) -> NDArray[np.int64]:
    """After how many seconds this share of the conversions of each advertiser is listed, on the median day.

    By days, so that a hole that was filled in later makes no advertiser a slow one; and not of all, since single rows
    come hours late everywhere.
    """
    size = int(owners.max()) + 1 if len(owners) else 0
    found = np.zeros(size, np.int64)
    if not size:
        return found
    days = events // DAY
    groups = owners.astype(np.int64) * (int(days.max() - days.min()) + 1) + (days - days.min())
    order = np.lexsort((lags, groups))
    _, starts, counts = np.unique(groups[order], return_index=True, return_counts=True)
    at = starts + np.ceil(share * counts).astype(np.intp) - 1
    of_day = lags[order][at]
    whose = owners[order][starts]
    enough = counts >= LISTED_LEAST
    for owner in np.unique(whose[enough]).tolist():
        found[owner] = int(np.median(of_day[enough & (whose == owner)]))
    return found


def broken(names: Sequence[str], owners: Codes, came: Floats, expected: Floats, start: int) -> dict[str, Break]:
    """The advertisers of whom far fewer conversions came than were due in some time range.

    `came` and `expected` have a row per offer and a column per BIN from `start` (POSIX seconds) on; `owners` is the
    advertiser of each offer, by its place in `names`, of which the first stands for none.
    """
    size = len(names)
    seen, due = (_by_owner(found, owners, size) for found in (came, expected))
    result: dict[str, Break] = {}
    for share, needs in ((FULL, FULL_NEEDS), (PARTIAL, PARTIAL_NEEDS)):
        score, low, high = best_stretch(seen * np.log(share) + (1.0 - share) * due)
        for owner in np.flatnonzero(score >= _needed(share, needs, due, low, high)).tolist():
            where = slice(int(low[owner]), int(high[owner]))
            rows = np.flatnonzero(owners == owner)
            if owner == 0 or not _is_common(came[rows, where].sum(axis=1), expected[rows, where].sum(axis=1)):
                continue
            result.setdefault(
                names[owner],
                Break(
                    advertiser=names[owner],
                    since=datetime.fromtimestamp(start + where.start * BIN, UTC),
                    until=datetime.fromtimestamp(start + where.stop * BIN, UTC),
                    seen=int(seen[owner, where].sum()),
                    due=float(due[owner, where].sum()),
                ),
            )
    return dict(sorted(result.items()))


def _needed(share: float, needs: float, due: Floats, low: NDArray[np.intp], high: NDArray[np.intp]) -> Floats:
    """What the time range of each advertiser must reach."""
    result = np.full(len(due), needs)
    if share != FULL:
        return result
    whole = np.hstack([np.zeros((len(due), 1)), due.cumsum(axis=1)])
    rows = np.arange(len(due))
    pace = (whole[rows, high] - whole[rows, low]) / np.maximum(high - low, 1) * (3600 / BIN)
    result[(pace >= PROMISED[0]) & (pace < PROMISED[1])] = PROMISED_NEEDS
    return result


def _by_owner(found: Floats, owners: Codes, size: int) -> Floats:
    result = np.zeros((size, found.shape[1]))
    np.add.at(result, owners[: len(found)], found)
    return result


def _is_common(seen: Floats, due: Floats) -> bool:
    """Whether the offers besides the one that misses most miss conversions as well, and as many as a break costs.

    A dead postback hits all alike. Where one offer collapses, the others miss a tenth at the most, on a bad weekend.
    """
    worst = int(np.lexsort((due, due - seen))[-1])
    others_seen, others_due = float(seen.sum() - seen[worst]), float(due.sum() - due[worst])
    if others_due < OTHERS_DUE:
        return not seen.any()
    score = others_seen * np.log(PARTIAL) + (1.0 - PARTIAL) * others_due
    return bool(score >= OTHERS_NEED)


def best_stretch(gains: Floats) -> tuple[Floats, NDArray[np.intp], NDArray[np.intp]]:
    """For each row the time range of columns with the largest sum: the sum, where it begins and where it ends."""
    rows = len(gains)
    best, low, high = np.zeros(rows), np.zeros(rows, np.intp), np.zeros(rows, np.intp)
    running, begun = np.zeros(rows), np.zeros(rows, np.intp)
    for column in range(gains.shape[1]):
        fresh = running <= 0
        begun = np.where(fresh, column, begun)
        running = np.where(fresh, 0.0, running) + gains[:, column]
        better = running > best
        best = np.where(better, running, best)
        low, high = np.where(better, begun, low), np.where(better, column + 1, high)
    return best, low, high
