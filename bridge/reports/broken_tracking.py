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

from bridge.reports.arrival_curves import DAY, EDGES, HORIZON, MINUTE, PUNCTUAL, SHARE_STEPS, Curves, listing_lags
from bridge.reports.segments import Codes, Per, Segment
from bridge.reports.stored_segments import Stored
from bridge.reports.windows import BY_CLICK, Edges, News, Placed, Windows
from bridge.store.feeds import Kind
from rules.model.facts import WHOLE_INTEGRATION, Break

BIN = 900  # seconds
MAX_BINS_COUNTED_SINGLY = 8  # bins; for more the clicks are counted in one pass
MAX_CELLS_ADDED = 4_000_000  # late clicks times bins; for more all is counted anew
LOOK_BACK = 3 * DAY
PAIRS: Per = ("advertiser", "offer")
FAR_AWAY = 5_000_000_000  # knowledge of all times to come: hindsight, in which nothing is missing any more
# What the evidence (a logarithm) needs for one advertiser; for more it needs as much more that all of them together
# cause no more false incidents than one would. By simulation, each test by itself causes about a quarter of an incident
# a month then, whether there are 2 or 40 conversions an hour, where rates differ by 10% from day to day and the test
# looks every five minutes (`python -m benchmarks tracking`).
FULL, FULL_NEEDS = 0.02, 9.0  # next to nothing arrives: nine that were due prove it, or twelve of one in twenty
PARTIAL, PARTIAL_NEEDS = 0.4, 10.3  # a part arrives; half lost is proven by about a hundred that were due
FALSE_INCIDENTS = 1.0  # a month that a network bears; half of it is what chance causes on average
JUDGED_LEAST = 12.0  # conversions due in the time looked at; an advertiser with fewer causes no incident
OTHERS_DUE = 5.0  # conversions due from the other offers; with fewer they cannot testify
# The evidence that the other offers miss conversions, too. A large offer that collapses decides about the time range,
# and in one of the many ranges the others are weak by chance: with 2 such a collapse was called a break more often.
OTHERS_NEED = 4.5
# An offer that missed conversions before the break as well has a lower rate than in the week before: what is due from
# it is less. So many standard deviations tell that from chance, and from no more than so long before.
COLLAPSED, JUST_BEFORE = 3.0, DAY

Floats = NDArray[np.float64]
NO_RATES: Floats = np.zeros(0)
NOTHING = np.zeros(0, dtype=np.int64)


class Clicks(Protocol):
    """The interface of `bridge.reports.click_cohorts.Cohorts` that this module uses."""

    @property
    def windows(self) -> Windows: ...
    @property
    def known(self) -> int: ...
    @property
    def reach(self) -> int: ...
    @property
    def reported(self) -> int: ...
    @property
    def curves(self) -> Curves | None: ...

    def at(self, reach: int, known: int | None = None) -> "Clicks": ...

    def curve_rows(self, wide: Per, curves: Curves) -> tuple[NDArray[np.intp], NDArray[np.bool_]]: ...

    def tabled(self, per: Per, moments: Sequence[int]) -> "Clicks": ...

    def due(self, per: Per, start: int, end: int) -> Floats: ...


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """The results of one process for the next one."""

    known: int
    day: int  # of the curves
    due: Mapping[int, Floats]  # beginning of a quarter of an hour → clicks whose conversions were due in it, per pair
    rates_of: tuple[int, int] | None  # the day, and the day of the curves
    rates: Floats  # conversions per click of each pair


@dataclass(slots=True, eq=False)
class Tracking:
    """Keeps expensive counts: the clicks whose conversions were due in each quarter of an hour.

    Clicks that become known later are added, so every answer equals that of a process that counts all of them at that
    moment.
    """

    false_incidents: float = FALSE_INCIDENTS  # a month, of all advertisers together
    _due: dict[int, Floats] = field(default_factory=dict)  # beginning of a bin → clicks that were due, per pair
    _known: int = 0  # it is of what was known at this moment,
    _day: int = 0  # and by the curves of this day
    _news: News | None = None  # clicks that were taken in later
    _rates: tuple[tuple[int, int], Floats] | None = None  # of a day, by the curves of a day
    _lags: dict[Per, tuple[int, NDArray[np.int64]]] = field(default_factory=dict)

    def forget(self) -> None:
        """Discard all counts."""
        self._due.clear()
        self._lags.clear()
        self._rates, self._news = None, None

    def forget_what_lacks(self, seen: int) -> None:
        """Discard counts that were final, if facts with a time after `seen` are now known."""
        days = [self._day, *(day for day, _ in self._lags.values()), *(self._rates[0] if self._rates else ())]
        if seen <= max(days):
            self.forget()

    def written(self) -> Written | None:
        """Return the results for another process; None while clicks are still to be added that it could not find."""
        if self._news is None or self._news.is_over:
            return None
        if any(_first_seen(one) <= self._known for one in self._news.pieces):
            return None
        return Written(self._known, self._day, self._due, *(self._rates or (None, NO_RATES)))

    def go_on_with(self, written: Written, windows: Windows) -> None:
        """Continue with the results of another process, for subjects with the same numbers and the same facts."""
        self._known, self._day, self._due = written.known, written.day, dict(written.due)
        self._rates = None if written.rates_of is None else (written.rates_of, written.rates)
        self._news = windows.follow(Kind.CLICKS)

    def breaks(self, sums: "Clicks", since: int) -> dict[str, Break]:
        """Return advertisers with broken tracking, by what was known then. Observations are complete from `since`."""
        windows, known = sums.windows, sums.known
        reach = min(sums.reach, sums.reported)  # postbacks may be ahead of the report; they are not counted here
        end = reach // BIN * BIN
        start = max(end - LOOK_BACK, (since + 9 * DAY) // BIN * BIN)  # rates need a week that ended a day before
        if sums.curves is None or start >= end or known > FAR_AWAY:
            return {}
        if known < self._known:  # about an earlier moment, which is no reason to forget this one
            return Tracking(self.false_incidents).breaks(sums, since)
        for kind in (Kind.CLICKS, Kind.CONVERSIONS, BY_CLICK):
            windows.number(kind, PAIRS)
        rates = self._rate(sums, sums.curves.day, end // DAY * DAY)
        expected = self._expected(sums, sums.curves, rates, start, end)
        parts = windows.subjects.parts(PAIRS)
        came = windows.histogram(Kind.CONVERSIONS, "conversions", PAIRS, Edges(start, end, known), BIN)
        if reach > end:  # the newest part of a bin
            newest = windows.histogram(Kind.CONVERSIONS, "conversions", PAIRS, Edges(end, reach, known), reach - end)
            came = np.hstack([came, newest])
            expected = np.hstack([expected, _in_steps(_conversions(_clicks_due(sums, end, reach), rates))])
        names = [name[0] for name in windows.subjects.known(("advertiser",))]
        owners = parts[:, 0]
        listed = self._listed(sums, len(names), reach - end)
        for owner in np.flatnonzero(listed).tolist():  # what is not listed yet is not missing
            judged = max(came.shape[1] - int(listed[owner]), 0)
            came[owners == owner, judged:] = 0.0
            expected[owners[: len(expected)] == owner, judged:] = 0.0
        return broken(names, owners, came, expected, start, reach=reach, false_incidents=self.false_incidents)

    def _rate(self, sums: "Clicks", curves_of: int, day: int) -> Floats:
        """Return the conversions per effective click of each pair over a week that ended a day ago, as of midnight."""
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
        """Return after how many seconds nearly all conversions of each subject are listed; 0: at once.

        It uses the week before.
        """
        day = sums.reach // DAY * DAY
        if per not in self._lags or self._lags[per][0] != day:
            lags = listing_lags(*sums.windows.listed_after(per, day - 8 * DAY, day - DAY, min(sums.known, day)))
            self._lags[per] = day, np.where(lags > PUNCTUAL, lags, 0)
        return self._lags[per][1]

    def _listed(self, sums: "Clicks", size: int, newest: int) -> NDArray[np.int64]:
        """Return how many of the newest bins of each advertiser are not judged.

        Of the last one `newest` seconds are there.
        """
        lags = self.listed_after(sums, ("advertiser",))
        found = np.zeros(size, np.int64)
        bins = -(-np.maximum(lags - newest, 0) // BIN) + (newest > 0)
        found[: len(lags)] = np.where(lags > 0, bins, 0)[:size]
        return found

    def _expected(self, sums: "Clicks", curves: Curves, rates: Floats, start: int, end: int) -> Floats:
        """Return the conversions that were due from each pair (rows) in each bin (columns), as known now."""
        self._bring_up_to_date(sums, curves)
        missing = [low for low in range(start, end, BIN) if low not in self._due]
        if len(missing) > MAX_BINS_COUNTED_SINGLY:  # after a start
            reaches = np.unique([*missing, *(low + BIN for low in missing)])
            moments = np.append(np.array(missing) - HORIZON, np.subtract.outer(reaches, EDGES))
            sums = sums.tabled(PAIRS, np.unique(moments[moments >= missing[0] - HORIZON]).tolist())
        for low in missing:
            self._due[low] = _clicks_due(sums, low, low + BIN)
        for low in [one for one in self._due if one < start]:
            del self._due[low]
        result = np.zeros((len(rates), (end - start) // BIN))
        for column, low in enumerate(range(start, end, BIN)):
            result[:, column] = _conversions(self._due[low], rates)[:, 0]
        return _in_steps(result)

    def _bring_up_to_date(self, sums: "Clicks", curves: Curves) -> None:
        """Add the clicks that have become known since the last count."""
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


def _clicks_due(sums: Clicks, low: int, high: int) -> Floats:
    """Return the clicks of each pair whose conversions were due in [low, high)."""
    after, before = (sums.at(edge).due(PAIRS, low - HORIZON, edge) for edge in (high, low))
    size = min(len(after), len(before))
    return np.asarray(after[:size] - before[:size])


def _conversions(clicks: Floats, rates: Floats) -> Floats:
    """Return the conversions of these clicks: a row for each pair, one column."""
    result, found = np.zeros((len(rates), 1)), clicks[: len(rates)]
    result[: len(found), 0] = np.maximum(found, 0.0) * rates[: len(found)]
    return result


def _in_steps(due: Floats) -> Floats:
    """Round values so that their sums are exact: the same in whatever order pairs got their numbers."""
    return np.asarray(np.round(due * SHARE_STEPS) / SHARE_STEPS)


def _by_minute(late: Sequence[Placed], start: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return clicks by pair and minute, because no share changes within one: the pair, the minute's start, the count.

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
    """Return the share of its conversions that has arrived for a click, by curve and by its age's position in EDGES."""
    ages = zip(EDGES[:-1].tolist(), EDGES[1:].tolist(), strict=True)
    cells = [1.0 - curves.missing(youngest, oldest) for youngest, oldest in ages]
    return np.column_stack([np.zeros(len(cells[0])), *cells, np.ones(len(cells[0]))])


def _first_seen(one: Segment | Stored) -> int:
    return int(one.by_seen()[1][0]) if isinstance(one, Segment) else one.first_seen


def broken(
    names: Sequence[str],
    owners: Codes,
    came: Floats,
    expected: Floats,
    start: int,
    *,
    reach: int | None = None,
    false_incidents: float = FALSE_INCIDENTS,
) -> dict[str, Break]:
    """Return the advertisers with far fewer conversions than were due in some time range.

    If next to nothing arrives from all of them, that is one break: WHOLE_INTEGRATION.

    `came` and `expected` have a row per offer and a column per BIN from `start` (POSIX seconds) on; the last one may
    end early at `reach`. `owners` is the advertiser of each offer, as a position in `names`; the first name stands for
    none.
    """
    seen, due = (_by_owner(found, owners, len(names)) for found in (came, expected))
    judged = int((due[1:].sum(axis=1) >= JUDGED_LEAST).sum())
    result: dict[str, Break] = {}
    needs = FULL_NEEDS + float(np.log(max(judged, 1) / false_incidents))
    where = _missing_range(seen, due, FULL, needs) if (due.sum(axis=1) > 0).sum() > 1 else None
    if where is not None:
        return {WHOLE_INTEGRATION: _break(WHOLE_INTEGRATION, where, (seen, due), start, reach)}
    for share, least in ((FULL, FULL_NEEDS), (PARTIAL, PARTIAL_NEEDS)):
        needs = least + float(np.log(max(judged, 1) / false_incidents))
        best = best_time_range(_gains(seen, due, share))[0]
        for owner in np.flatnonzero(best >= needs).tolist():
            rows = np.flatnonzero(owners == owner)
            rows = rows[rows < len(expected)]
            where = _missing_range(came[rows], expected[rows], share, needs) if owner else None
            if where is None:
                continue
            own = (found[owner : owner + 1] for found in (seen, due))
            result.setdefault(names[owner], _break(names[owner], where, tuple(own), start, reach))
    return dict(sorted(result.items()))


def _break(name: str, where: slice, seen_due: tuple[Floats, ...], start: int, reach: int | None) -> Break:
    seen, due = (float(found[:, where].sum()) for found in seen_due)
    until = start + where.stop * BIN
    return Break(
        advertiser=name,
        since=datetime.fromtimestamp(start + where.start * BIN, UTC),
        until=datetime.fromtimestamp(until if reach is None else min(until, reach), UTC),
        seen=int(seen),
        due=due,
    )


def _gains(seen: Floats, due: Floats, share: float) -> Floats:
    """Return how much better `share` of the due conversions explains the result than all of them.

    It is a logarithm for each column.
    """
    return np.asarray(seen * np.log(share) + (1.0 - share) * due)


def _missing_range(came: Floats, due: Floats, share: float, needs: float) -> slice | None:
    """Return the time range in which the offers of one advertiser miss conversions together; None if there is none.

    Less is due from offers whose rate had fallen before, as long as that finds more such offers.
    """
    for _ in range(len(came) + 1):
        best, low, high = best_time_range(_gains(came.sum(axis=0), due.sum(axis=0), share)[None, :])
        where = slice(int(low[0]), int(high[0]))
        if best[0] < needs:
            return None
        left = _left_before(came, due, where)
        if (left >= 1.0).all():
            together = (found[:, where].sum(axis=1) for found in (came, due))
            return where if _is_common(*together) else None
        due = _in_steps(due * left[:, None])
    return None


def _left_before(came: Floats, due: Floats, where: slice) -> Floats:
    """Return what part of its due conversions each offer had before the break and after it, if that is clearly less."""
    before, after = slice(max(where.start - JUST_BEFORE // BIN, 0), where.start), slice(where.stop, None)
    seen, of = (found[:, before].sum(axis=1) + found[:, after].sum(axis=1) for found in (came, due))
    fallen = (of > seen) & ((of - seen) ** 2 > COLLAPSED**2 * of)
    return np.where(fallen, (seen + 1.0) / (of + 1.0), 1.0)


def _by_owner(found: Floats, owners: Codes, size: int) -> Floats:
    result = np.zeros((size, found.shape[1]))
    np.add.at(result, owners[: len(found)], found)
    return result


def _is_common(seen: Floats, due: Floats) -> bool:
    """Return whether other offers than the worst one miss conversions too, and as many as a break costs.

    A dead postback affects all offers alike. If one offer collapses, the others miss a tenth at most, on a bad weekend.
    """
    worst = int(np.lexsort((due, due - seen))[-1])
    others_seen, others_due = float(seen.sum() - seen[worst]), float(due.sum() - due[worst])
    if others_due < OTHERS_DUE:
        return not seen.any()
    scores = [others_seen * np.log(share) + (1.0 - share) * others_due for share in (FULL, PARTIAL)]
    return bool(max(scores) >= OTHERS_NEED)


def best_time_range(gains: Floats) -> tuple[Floats, NDArray[np.intp], NDArray[np.intp]]:
    """Return for each row the time range of columns with the largest sum: the sum, its start and its end."""
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
