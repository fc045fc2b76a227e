"""Screen subjects: for each one find the thresholds between which its evidence has to be calculated.

The evidence grows as its line moves away from what was seen: each subject has one line at which it begins to suffice.
Two bounds of that line are cheap and are worked out once for all rules that look at the same sums: below the first no
alternative of any beginning can suffice, beyond the second one of them suffices by itself. Only between the two the
evidence is worked out, and each answer narrows them. The answers are those of the full calculation. Pure columns.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rules.evaluation import confidence_sequences, own_past
from rules.evaluation.confidence_sequences import Direction, Floats, Sums

_MARGIN = 1e-9  # relative; rounding moves the evidence by far less
_AT_ONCE = 1024  # subjects; what is worked out for all beginnings stays small


@dataclass(slots=True, eq=False)
class Screen:
    """The two bounds of each subject for one direction and one needed evidence.

    Thresholds above which a ratio is bad count as negative, so that more is always further beyond.
    """

    sums: Sums
    direction: Direction
    needed: float
    own_past: bool
    _no: Floats = field(init=False)  # up to here the evidence cannot suffice
    _yes: Floats = field(init=False)  # from here on it does
    _own: tuple[NDArray[np.intp], Floats] = field(init=False)  # who may have left its own past, and up to which line

    def __post_init__(self) -> None:
        self._no, self._yes = _bounds(self.sums, self.direction, np.log(self.needed))
        self._own = self._pasts() if self.own_past else (np.zeros(0, np.intp), np.zeros(0))

    def taken(self, line: Floats) -> NDArray[np.bool_]:
        """Return whose evidence against this threshold, one or one per subject, is at least what is needed."""
        signed = line if self.direction == "below" else -line
        usable = (line > 0) & ((line < 1) | (not self.sums.whole))
        result = np.asarray(usable & (signed >= self._yes))
        rows = np.flatnonzero(usable & ~result & (signed >= self._no))
        if len(rows):
            self._work_out(result, rows, np.broadcast_to(line, len(result))[rows])
        self._of_own_past(result, np.broadcast_to(signed, len(result)), np.broadcast_to(usable, len(result)))
        return result

    def values(self, line: Floats) -> Floats:
        """Return the evidence of those who may have enough, without their own past; 0 for all others."""
        signed = np.broadcast_to(line if self.direction == "below" else -line, len(self._no))
        line = np.abs(signed)
        usable = (line > 0) & ((line < 1) | (not self.sums.whole))
        rows = np.flatnonzero(usable & (signed >= self._no))
        result = np.zeros(len(self._no))
        result[rows] = confidence_sequences.mixed(
            confidence_sequences.only(self.sums, rows), line[rows], self.direction
        )
        return result

    def _work_out(self, result: NDArray[np.bool_], rows: NDArray[np.intp], line: Floats) -> None:
        found = confidence_sequences.mixed(confidence_sequences.only(self.sums, rows), line, self.direction)
        enough = found >= self.needed
        result[rows] = enough
        signed = line if self.direction == "below" else -line
        yes, no = rows[enough], rows[~enough]
        self._yes[yes] = np.minimum(self._yes[yes], _beyond(signed[enough]))
        self._no[no] = np.maximum(self._no[no], _short_of(signed[~enough]))

    def _of_own_past(self, result: NDArray[np.bool_], signed: Floats, usable: NDArray[np.bool_]) -> None:
        rows, upto = self._own
        rows = rows[(signed[rows] <= upto) & usable[rows] & ~result[rows]]
        if len(rows):
            line = np.abs(signed[rows])
            found = own_past.against_past(confidence_sequences.only(self.sums, rows), line, self.direction, self.needed)
            result[rows] = found >= self.needed

    def _pasts(self) -> tuple[NDArray[np.intp], Floats]:
        """Return who would have enough evidence against its own past, if only the threshold were passed."""
        size = self.sums.hits.shape[1]
        rows: list[NDArray[np.intp]] = []
        upto: list[Floats] = []
        for start in range(0, size, _AT_ONCE):
            part = confidence_sequences.only(self.sums, slice(start, start + _AT_ONCE))
            own, lines = own_past.leavers(part, self.direction, self.needed)
            rows.append(own + start)
            upto.append(_beyond(lines))
        return np.concatenate(rows or [np.zeros(0, np.intp)]), np.concatenate(upto or [np.zeros(0)])


def _beyond(lines: Floats) -> Floats:
    return np.asarray(lines + _MARGIN * np.abs(lines))


def _short_of(lines: Floats) -> Floats:
    return np.asarray(lines - _MARGIN * np.abs(lines))


def _bounds(sums: Sums, direction: Direction, needed: float) -> tuple[Floats, Floats]:
    """Return from where on some alternative of some beginning has `needed` by itself: unweighted, and weighted."""
    size = sums.hits.shape[1]
    no, yes = np.full(size, np.inf), np.full(size, np.inf)
    odd = np.zeros(size, dtype=bool)
    for some, of, weight, shape in sums.rows():
        odd |= (some < 0) | (of < 0)  # rows that were taken back: no rule of thumb holds
        if direction == "above" and not sums.whole:
            odd |= (of == 0) & (some > 0)  # too many for any line
        low, high = (
            _passes(some, of, direction, needed, weight, whole=sums.whole)
            if shape is None
            else _passes_by_day(some, of, direction, needed, weight, shape)
        )
        np.minimum(no, low, out=no)
        np.minimum(yes, high, out=yes)
    no[odd], yes[odd] = -np.inf, np.inf
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(no), _short_of(no), no), np.where(np.isfinite(yes), _beyond(yes), yes)


def _passes(
    hits: Floats, trials: Floats, direction: Direction, needed: float, weight: float, *, whole: bool
) -> tuple[Floats, Floats]:
    """Return the threshold at which the first alternative of one beginning has `needed`, unweighted and weighted."""
    if whole:
        hits = np.minimum(hits, trials)
    low, high = np.full(len(hits), np.inf), np.full(len(hits), np.inf)
    with np.errstate(all="ignore"):
        per = np.where(trials > 0, 1.0 / trials, np.inf)
        for share, part in confidence_sequences.BELOW if direction == "below" else confidence_sequences.ABOVE:
            against = hits * -np.log(share)
            for least, kept in ((needed, low), (needed - np.log(weight * part), high)):
                missing = against + least
                np.minimum(kept, (-np.expm1(-missing * per) if whole else missing) / abs(1.0 - share), out=kept)
        found = (low, high) if whole else (low * per, high * per)
        low, high = (np.where(trials > 0, line, np.inf) for line in found)
    return low, high


def _passes_by_day(  # noqa: PLR0917 - what `_passes` takes, and the shape
    hits: Floats, trials: Floats, direction: Direction, needed: float, weight: float, shape: float
) -> tuple[Floats, Floats]:
    """Return the same where rates of days differ: solved for the hits that were due."""
    low, high = np.full(len(hits), np.inf), np.full(len(hits), np.inf)
    sign = 1.0 if direction == "below" else -1.0
    with np.errstate(all="ignore"):
        per = np.where(trials > 0, 1.0 / trials, np.inf)
        for share, part in confidence_sequences.BELOW if direction == "below" else confidence_sequences.ABOVE:
            against = hits * -np.log(share)
            for least, kept in ((needed, low), (needed - np.log(weight * part), high)):
                grown = np.expm1((against + least) / (shape + hits))
                room = sign * (1.0 - share * (grown + 1.0))  # not positive: no line is far enough, or each is
                np.minimum(kept, np.where(room > 0, shape * grown / room, sign * np.inf), out=kept)
        low, high = (np.where(trials > 0, line * per, np.inf) for line in (low, high))
    return low, high
