"""Conversions by their click, and the clicks whose conversions should be here: both sides of a cohort ratio.

A conversion belongs to its click. A click counts by the share of conversions that has arrived at its age, by the
curve of its offer; clicks of offers whose click times are unknown count whole, and so does every click when no
curve is known. All sums are of whole numbers; only the shares are not, and they are applied in one fixed order.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.reports.arrival_curves import EDGES, Curves
from bridge.reports.segments import Codes, Ints, Per
from bridge.reports.windows import Edges, Source, Windows
from bridge.store.feeds import Kind

Floats = NDArray[np.float64]
Ask = Callable[[Source, str, Per, Edges], Ints]


@dataclass(frozen=True, slots=True)
class Young:
    """Clicks that may still wait for conversions: those of [start, end), and which share is missing per curve."""

    start: int
    end: int
    missing: Floats


@dataclass(frozen=True, slots=True)
class Cohorts:
    """The clicks of one moment. `reach`: up to when the conversions are complete, seconds since 1970."""

    windows: Windows
    ask: Ask
    known: int
    reach: int
    curves: Curves | None

    def due(self, per: Per, start: int, end: int) -> Floats:
        """Clicks of [start, end) per subject number, each weighed by the share that should have arrived."""
        clicks = self.ask(Kind.CLICKS, "clicks", per, Edges(start, end, self.known)).astype(np.float64)
        if self.curves is None:
            return clicks
        wide: Per = per if "offer" in per else (*per, "offer")
        missing = self._missing(wide, start, end, self.curves)
        if wide != per:
            parents = self.windows.subjects.parents(wide, per)
            missing = np.bincount(parents, missing[: len(parents)], max(len(clicks), self.windows.subjects.count(per)))
        result = np.zeros(max(len(clicks), len(missing)))
        result[: len(clicks)] = clicks
        result[: len(missing)] -= missing
        return result

    def _missing(self, wide: Per, start: int, end: int, curves: Curves) -> Floats:
        self.windows.number(Kind.CLICKS, wide)
        rows, weighed = self._rows(wide, curves)
        missing = np.zeros(len(rows))
        for cell in young(curves, start, end, self.reach):
            clicks = self.ask(Kind.CLICKS, "clicks", wide, Edges(cell.start, cell.end, self.known))
            missing[: len(clicks)] += clicks * cell.missing[rows[: len(clicks)]]
        return np.where(weighed, missing, 0.0)

    def _rows(self, wide: Per, curves: Curves) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """For each subject the row of its offer's curve, and whether its clicks are weighed at all."""
        offers: Codes = self.windows.subjects.parts(wide)[:, wide.index("offer")]
        size = int(offers.max()) + 1 if len(offers) else 0
        table, weighed = np.zeros(size, dtype=np.intp), np.ones(size, dtype=bool)
        for offer, row in curves.rows.items():
            if offer < size:
                table[offer] = row
        weighed[[offer for offer in curves.unknown if offer < size]] = False
        return table[offers], weighed[offers]


def young(curves: Curves, start: int, end: int, reach: int) -> list[Young]:
    """The part of [start, end) that still waits for conversions, cut where the curves have their edges."""
    cells = []
    if end > reach:
        cells.append(Young(max(start, reach), end, np.ones(len(curves.shares))))
    for youngest, oldest in zip(EDGES[:-1].tolist(), EDGES[1:].tolist(), strict=True):
        low, high = max(start, reach - oldest), min(end, reach - youngest)
        if low < high:
            cells.append(Young(low, high, curves.missing(reach - high, reach - low)))
    return cells
