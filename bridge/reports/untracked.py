"""Find advertisers, or a whole integration, of which not a single conversion is known although they have clicks.

- A whole integration without a conversion for a week, although it has had many clicks for longer than conversions
  take: conversions are not read, or tracking was never set up. Nothing is judged by conversions until one arrives,
  however long that takes. With fewer clicks a rule does what it says: that nothing was sold may be just so.
- An advertiser without one while others convert: reading works, and conversions that Integr8 does not know are not
  paid either. Its items are judged by what they bring, which is nothing. People are told as soon as its clicks would
  have brought DUE conversions to the weaker ones of the other advertisers, because its postback may be missing.

Performs no I/O; all of it is derived from observations, so live and backtest agree.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from bridge.reports.arrival_curves import DAY
from bridge.reports.segments import Ints, Per, Subjects
from bridge.reports.windows import Edges, Source
from bridge.store.feeds import Kind
from rules.model.facts import WHOLE_INTEGRATION, Untracked

LOOK_BACK = 20 * DAY  # as far as a live process holds observations
#: An integration is silent after so long without a conversion. Until then its breaks are found by the rates of before.
SILENT = 7 * DAY
PATIENCE = DAY  # younger clicks may still convert
DUE = 12.0  # conversions; none of twelve is chance once in 160,000 times
WEAKER = 0.25  # quantile of the ratios of the other advertisers
RATIO_KNOWN = 5  # conversions from which an advertiser's ratio says something
TELLING = 1_000  # clicks older than PATIENCE, where no ratio is known: the whole integration is silent
ADVERTISER: Per = ("advertiser",)

Ask = Callable[[Source, str, Per, Edges], Ints]
Floats = NDArray[np.float64]


def silence(ask: Ask, subjects: Subjects, known: int, since: int) -> dict[str, Untracked]:
    """Return what is untracked by what was known at `known`, by advertiser; WHOLE_INTEGRATION stands for all.

    Both times are POSIX seconds. Observations are complete from `since`.
    """
    start = max(known - LOOK_BACK, since)
    if start >= known:
        return {}

    def clicks(low: int, high: int) -> Floats:
        return _padded(ask(Kind.CLICKS, "clicks", ADVERTISER, Edges(low, high, known)), subjects)

    def conversions(low: int, high: int) -> Floats:
        kinds = (Kind.CONVERSIONS, Kind.POSTBACKS)
        several = [_padded(ask(kind, "conversions", ADVERTISER, Edges(low, high, known)), subjects) for kind in kinds]
        return np.sum(several, axis=0)  # type: ignore[no-any-return] # an array of doubles

    def enough(low: int, high: int) -> bool:
        return bool(clicks(low, min(high, known - PATIENCE)).sum() >= TELLING) if low < high - PATIENCE else False

    of_all = clicks(start, known)  # asked first: it may bring advertisers that conversions do not know
    came = conversions(start, known)
    recent = max(known - SILENT, start)
    if not conversions(recent, known).any():
        begun = recent if came.any() else start
        if not enough(begun, known):
            return {}
        whole = _untracked(WHOLE_INTEGRATION, begun, known, clicks(begun, known).sum())
        return {whole.advertiser: whole}
    silent = _telling(clicks(start, max(known - PATIENCE, start)), came)
    silent[came > 0] = False
    silent[:1] = False  # rows that name no advertiser
    names = subjects.known(ADVERTISER)
    found = (_untracked(names[code][0], start, known, of_all[code]) for code in np.flatnonzero(silent).tolist())
    return {one.advertiser: one for one in found}


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


def _untracked(advertiser: str, since: int, until: int, clicks: float) -> Untracked:
    first, last = (datetime.fromtimestamp(moment, UTC) for moment in (since, until))
    return Untracked(advertiser, first, last, int(clicks))
