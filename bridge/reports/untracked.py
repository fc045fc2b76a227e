"""Find advertisers, or a whole integration, of which not a single conversion is known although they have clicks.

Such silence says nothing about the offers: nobody knows yet whether a conversion would arrive at all. A break of
tracking is found by what was due (`broken_tracking`); here nothing ever came from which that could be computed.

- A whole integration without a conversion for a week: conversions are not read, or tracking was never set up. Nothing
  is judged by conversions until one arrives, however long that takes.
- An advertiser without one while others convert: reading works, and conversions that Integr8 does not know are not
  paid either. So this lasts until the first conversion, or a week after the silence began to be telling: as many
  clicks as would have brought DUE conversions to the weaker ones of the other advertisers. From then on its items are
  judged by what they bring, which is nothing.
- An advertiser that sells again, or for the first time, after a day or more without a single conversion in which DUE
  were due by what it sells since: those clicks say nothing either. As long as enough of them can be in a window, its
  items are not judged by conversions. (A hole of a few hours is found by `broken_tracking`.)

Performs no I/O; all of it is derived from observations, so live and backtest agree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bridge.reports.arrival_curves import DAY
from bridge.reports.segments import Ints, Per, Subjects
from bridge.reports.windows import Edges, Source, Windows
from bridge.store.feeds import Kind
from rules.model.facts import WHOLE_INTEGRATION, Untracked

LOOK_BACK = 20 * DAY  # as far as a live process holds observations
#: An integration is silent after so long without a conversion. Until then its breaks are found by the rates of before.
SILENT = 7 * DAY
NOTICE = 7 * DAY  # from the moment at which somebody is told until an advertiser's items are judged
PATIENCE = DAY  # younger clicks may still convert
DUE = 12.0  # conversions; none of twelve is chance once in 160,000 times
WEAKER = 0.25  # quantile of the ratios of the other advertisers
RATIO_KNOWN = 5  # conversions from which an advertiser's ratio says something
TELLING = 1_000  # clicks, where no ratio is known: the whole integration is silent
#: A publisher or country is concerned if so much of its clicks is for such advertisers: as much as days differ by.
SHARE = 0.1
BIN, LEAST_BINS = 6 * 3600, 4  # of conversions, in which a hole is looked for: whole nights are none
RECENT = (DAY, 7 * DAY)  # over which that share is taken: whatever window a rule has, the share in it is not far off
ADVERTISER: Per = ("advertiser",)

Ask = Callable[[Source, str, Per, Edges], Ints]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Silence:
    """What is untracked, by the number of the advertiser; 0 stands for the whole integration."""

    found: dict[int, Untracked]

    def by_name(self) -> dict[str, Untracked]:
        """Return the same by the id of the advertiser."""
        return {one.advertiser: one for one in self.found.values()}

    def sparing(self) -> dict[int, Untracked]:
        """Return what keeps items from being judged."""
        return {number: one for number, one in self.found.items() if one.spares}


def silence(ask: Ask, windows: Windows, known: int, since: int) -> Silence:
    """Return what is untracked by what was known at `known`. Observations are complete from `since`."""
    subjects = windows.subjects
    start = max(known - LOOK_BACK, since)
    if start >= known:
        return Silence({})

    def clicks(low: int, high: int) -> Floats:
        return _padded(ask(Kind.CLICKS, "clicks", ADVERTISER, Edges(low, high, known)), subjects)

    def conversions(low: int, high: int) -> Floats:
        kinds = (Kind.CONVERSIONS, Kind.POSTBACKS)
        return sum(
            (_padded(ask(kind, "conversions", ADVERTISER, Edges(low, high, known)), subjects) for kind in kinds),
            np.zeros(subjects.count(ADVERTISER)),
        )

    of_all, came = clicks(start, known), conversions(start, known)
    recent = max(known - SILENT, start)
    if not conversions(recent, known).any():
        since = recent if came.any() else start
        total, old = clicks(since, known).sum(), clicks(since, max(known - PATIENCE, since)).sum()
        return Silence({0: _untracked(WHOLE_INTEGRATION, since, known, total, telling=old >= TELLING)} if total else {})
    silent = (came == 0) & (of_all > 0)
    silent[0] = False  # rows that name no advertiser
    holes = _holes(ask, windows, known, start)
    if not silent.any():
        return Silence(holes)
    telling = _telling(clicks(start, max(known - PATIENCE, start)), came)
    until = max(known - NOTICE - PATIENCE, start)
    judged = _telling(clicks(start, until), conversions(start, until))
    names = subjects.known(ADVERTISER)
    return Silence(
        holes
        | {
            code: _untracked(
                names[code][0], start, known, of_all[code], telling=bool(telling[code]), spares=not judged[code]
            )
            for code in np.flatnonzero(silent).tolist()
        }
    )


def _holes(ask: Ask, windows: Windows, known: int, start: int) -> dict[int, Untracked]:
    """Return the advertisers that sell after a long time without a conversion, although by that many were due."""
    bins = (known - start) // BIN
    if bins <= LEAST_BINS:
        return {}
    begin, names = known - bins * BIN, windows.subjects.known(ADVERTISER)
    came = windows.histogram(Kind.CONVERSIONS, "conversions", ADVERTISER, Edges(begin, known, known), BIN)
    found: dict[int, Untracked] = {}
    for code, (low, high) in _empty_times(came).items():
        edges = begin + low * BIN, begin + high * BIN, known
        lost, since = (
            _padded(ask(Kind.CLICKS, "clicks", ADVERTISER, Edges(one, other, known)), windows.subjects)[code]
            for one, other in pairwise(edges)
        )
        if lost * came[code, high:].sum() >= DUE * max(since, 1.0):
            first, last = (datetime.fromtimestamp(moment, UTC) for moment in edges[:2])
            found[code] = Untracked(names[code][0], first, last, int(lost), telling=False, ended=True)
    return found


def _empty_times(came: Floats) -> dict[int, tuple[int, int]]:
    """Return the longest range of columns without anything of each row that has something after it, if it is long."""
    found: dict[int, tuple[int, int]] = {}
    for code in np.flatnonzero(came.any(axis=1)).tolist():
        if code == 0:  # rows that name no advertiser
            continue
        sold = np.flatnonzero(came[code])
        gaps = np.diff(sold, prepend=-1) - 1
        longest = int(np.argmax(gaps))
        if gaps[longest] >= LEAST_BINS:
            found[code] = int(sold[longest] - gaps[longest]), int(sold[longest])
    return found


def concerned(ask: Ask, subjects: Subjects, known: int, per: Per, found: dict[int, Untracked]) -> dict[int, Untracked]:
    """Return the subjects without a single advertiser that send a part of their clicks to untracked ones.

    By the number of the subject; of several advertisers the one with the most clicks.
    """
    wide: Per = (*per, "advertiser")
    result: dict[int, Untracked] = {}
    for length in RECENT:
        clicks = ask(Kind.CLICKS, "clicks", wide, Edges(known - length, known, known)).astype(np.float64)
        parents, owners = subjects.parents(wide, per)[: len(clicks)], subjects.parts(wide)[: len(clicks), -1]
        theirs = np.where(np.isin(owners, list(found)), clicks, 0.0)
        size = subjects.count(per)
        total, lost = (np.bincount(parents, one, size) for one in (clicks, theirs))
        over = (lost > 0) & (lost >= SHARE * total)
        for row in np.argsort(theirs, kind="stable").tolist():
            if theirs[row] > 0 and over[parents[row]]:
                result[int(parents[row])] = found[int(owners[row])]
    return result


def _telling(clicks: Floats, conversions: Floats) -> NDArray[np.bool_]:
    """Return which advertisers should have had DUE conversions at the ratio of the weaker ones of the others."""
    known = (conversions >= RATIO_KNOWN) & (clicks > 0)
    if not known.any():
        return np.zeros(len(clicks), bool)
    ratio = float(np.quantile(conversions[known] / clicks[known], WEAKER))
    return np.asarray(clicks * ratio >= DUE)


def _padded(sums: Ints, subjects: Subjects) -> Floats:
    size = subjects.count(ADVERTISER)
    result = np.zeros(size)
    result[: min(len(sums), size)] = sums[:size]
    return result


def _untracked(
    advertiser: str, since: int, known: int, clicks: float, *, telling: bool, spares: bool = True
) -> Untracked:
    first, last = (datetime.fromtimestamp(moment, UTC) for moment in (since, known))
    return Untracked(advertiser, first, last, int(clicks), telling=telling, spares=spares)
