"""Charts of an item by the hour: axes, units, shaded pauses, marks for changes. SVG, drawn on the server.

The conversion rate is that of the 24 hours before each point, with the interval in which the true rate lies and the
thresholds that rules hold against it: that of a single hour says little.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np

from bridge.store.holds import Hold
from bridge.web.console.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, axis_top
from rules.evaluation.columns import wilson

HOUR = timedelta(hours=1)
PERCENT = 100
RATE = "Conversion rate"
ABOVE = 1.5  # as high as the highest rate or threshold: an interval may go on beyond the chart
TWO_SIDED = 1.959964  # standard deviations on each side of 95%


@dataclass(frozen=True, slots=True)
class Hour:
    """The counts of one hour; None if unknown."""

    at: datetime
    clicks: float | None
    conversions: float | None
    revenue: float | None
    day: tuple[float, float] | None = None  # clicks and conversions of the 24 hours that end with it

    @property
    def rate_of_day(self) -> float | None:
        """Conversions per click of 24 hours, in per cent."""
        return self.day[1] / self.day[0] * PERCENT if self.day and self.day[0] else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95% confidence interval of the rate of those 24 hours, in per cent."""
        if not self.day or not self.day[0]:
            return None
        low, high = wilson(np.array([self.day[1]]), np.array([self.day[0]]), TWO_SIDED)
        return float(low[0]) * PERCENT, float(high[0]) * PERCENT

    @property
    def rate(self) -> float | None:
        """Conversions per click, in per cent."""
        if not self.clicks or self.conversions is None:
            return None
        return self.conversions / self.clicks * PERCENT


@dataclass(frozen=True, slots=True)
class Curve:
    """One measurement over time. `lines` are polylines, with gaps where nothing is known."""

    name: str
    unit: str
    lines: Sequence[str]
    dots: Sequence[tuple[float, float, str]]
    ticks: Sequence[tuple[float, str]]  # height and text of the vertical axis
    label: str
    range: Sequence[str] = ()  # polygons: between the lowest and the highest that is likely
    thresholds: Sequence[tuple[float, str]] = ()  # height, and the rule with its threshold


@dataclass(frozen=True, slots=True)
class Mark:
    """A change: its time, and its text."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Charts:
    """All curves of an item over the same hours; `bands` are pauses, `hours` the texts of the time axis."""

    curves: Sequence[Curve]
    bands: Sequence[tuple[float, float, str]]
    hours: Sequence[tuple[float, str]]
    rows: Sequence[Hour]
    marks: Sequence[tuple[float, str]] = ()
    told: Sequence[str] = ()  # what was changed in each hour of `rows`
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    floor: int = HEIGHT - BOTTOM


def charts(
    rows: Sequence[Hour],
    holds: Sequence[Hold],
    zone: ZoneInfo,
    *,
    marks: Sequence[Mark] = (),
    thresholds: Sequence[tuple[str, float]] = (),
) -> Charts | None:
    """Return the charts; None if no hour is known. `thresholds`: rules, and the rate in per cent that each requires."""
    if not any(row.clicks is not None for row in rows):
        return None
    begin, end = rows[0].at, rows[-1].at + HOUR
    span = (end - begin).total_seconds()

    def x(at: datetime) -> float:
        inside = min(max((at - begin).total_seconds() / span, 0.0), 1.0)
        return round(LEFT + inside * (WIDTH - LEFT - RIGHT), 1)

    bands = [
        (x(one.since), round(x(one.ended_at or end) - x(one.since), 1), one.rule_id)
        for one in holds
        if one.since < end and (one.ended_at or end) > begin
    ]
    hours = [(x(row.at), f"{row.at.astimezone(zone):%d %b %H:%M}") for row in rows[::12]]
    series = {
        "Clicks": ("an hour", [row.clicks for row in rows]),
        "Conversions": ("an hour", [row.conversions for row in rows]),
        RATE: ("% of clicks in 24 hours", [row.rate_of_day for row in rows]),
        "Revenue": ("an hour", [row.revenue for row in rows]),
    }
    places = [x(row.at + HOUR / 2) for row in rows]
    moments = [f"{row.at.astimezone(zone):%d %b %H:%M}" for row in rows]
    intervals = [row.interval for row in rows]
    curves = [
        _curve(name, unit, values, places, moments)
        if name != RATE
        else _curve(name, unit, values, places, moments, intervals=intervals, thresholds=thresholds)
        for name, (unit, values) in series.items()
    ]
    inside = [one for one in marks if begin <= one.at < end]
    told = ["; ".join(one.text for one in inside if row.at <= one.at < row.at + HOUR) for row in rows]
    placed = [(x(one.at), f"{one.at.astimezone(zone):%d %b %H:%M}: {one.text}") for one in inside]
    return Charts(curves, bands, hours, rows, placed, told)


def _curve(
    name: str,
    unit: str,
    values: Sequence[float | None],
    places: Sequence[float],
    moments: Sequence[str],
    *,
    intervals: Sequence[tuple[float, float] | None] = (),
    thresholds: Sequence[tuple[str, float]] = (),
) -> Curve:
    highest = [value for value in values if value is not None] + [threshold for _, threshold in thresholds]
    whole = name in {"Clicks", "Conversions"}
    top = axis_top(max(highest, default=0.0) * (ABOVE if intervals else 1.0), whole=whole)
    room = HEIGHT - BOTTOM - TOP

    def y(value: float) -> float:
        return round(TOP + room - min(value / top, 1.0) * room, 1)

    lines: list[list[str]] = [[]]
    dots = []
    for value, place, moment in zip(values, places, moments, strict=True):
        if value is None:
            lines.append([])
            continue
        lines[-1].append(f"{place},{y(value)}")
        dots.append((place, y(value), f"{moment}: {value:,.4g}"))
    known = [value for value in values if value is not None]
    newest = f", the newest {known[-1]:,.4g}" if known else ""
    return Curve(
        name=name,
        unit=unit,
        lines=[" ".join(line) for line in lines if line],
        dots=dots,
        ticks=[(y(0.0), "0"), (y(top / 2), f"{top / 2:,.4g}"), (y(top), f"{top:,.4g}")],
        label=f"{name} {unit}: the highest {max(known):,.4g}{newest}" if known else f"{name}: not known",
        range=[" ".join(f"{place},{y(value)}" for place, value in outline) for outline in _outlines(places, intervals)],
        thresholds=[(y(threshold), f"{rule}: {threshold:,.4g}%") for rule, threshold in thresholds],
    )


def _outlines(
    places: Sequence[float], intervals: Sequence[tuple[float, float] | None]
) -> list[list[tuple[float, float]]]:
    """Return the edges of each line without a gap: along the upper ends, and back along the lower ones."""
    found = []
    known = zip(places, intervals, strict=bool(intervals))
    for there, group in groupby(known, key=lambda one: one[1] is not None):
        if there:
            part = [(place, pair) for place, pair in group if pair is not None]
            upper = [(place, high) for place, (_, high) in part]
            found.append([*upper, *((place, low) for place, (low, _) in reversed(part))])
    return found
