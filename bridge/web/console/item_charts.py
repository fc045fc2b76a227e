"""Charts of an item by the hour, with axes, units and shaded pauses. SVG, drawn on the server."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bridge.store.holds import Hold

WIDTH, HEIGHT = 720, 130
LEFT, RIGHT, TOP, BOTTOM = 56, 8, 10, 22
HOUR = timedelta(hours=1)
PERCENT = 100


@dataclass(frozen=True, slots=True)
class Hour:
    """What was counted in one hour; None where it is not known."""

    at: datetime
    clicks: float | None
    conversions: float | None
    revenue: float | None

    @property
    def rate(self) -> float | None:
        """Conversions per click, in per cent."""
        if not self.clicks or self.conversions is None:
            return None
        return self.conversions / self.clicks * PERCENT


@dataclass(frozen=True, slots=True)
class Curve:
    """One measurement over time. `lines` are polylines: where nothing is known there is a gap."""

    name: str
    unit: str
    lines: Sequence[str]
    dots: Sequence[tuple[float, float, str]]
    ticks: Sequence[tuple[float, str]]  # height and text of the vertical axis
    label: str


@dataclass(frozen=True, slots=True)
class Charts:
    """All curves of an item over the same hours; `bands` are pauses, `hours` the texts of the time axis."""

    curves: Sequence[Curve]
    bands: Sequence[tuple[float, float, str]]
    hours: Sequence[tuple[float, str]]
    rows: Sequence[Hour]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    floor: int = HEIGHT - BOTTOM


def charts(rows: Sequence[Hour], holds: Sequence[Hold], zone: ZoneInfo) -> Charts | None:
    """None where nothing is known of any hour."""
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
        "Conversion rate": ("% of clicks", [row.rate for row in rows]),
        "Revenue": ("an hour", [row.revenue for row in rows]),
    }
    places = [x(row.at + HOUR / 2) for row in rows]
    moments = [f"{row.at.astimezone(zone):%d %b %H:%M}" for row in rows]
    curves = [_curve(name, unit, values, places, moments) for name, (unit, values) in series.items()]
    return Charts(curves, bands, hours, rows)


def _curve(
    name: str, unit: str, values: Sequence[float | None], places: Sequence[float], moments: Sequence[str]
) -> Curve:
    top = max((value for value in values if value is not None), default=0.0) or 1.0
    room = HEIGHT - BOTTOM - TOP

    def y(value: float) -> float:
        return round(TOP + room - value / top * room, 1)

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
        label=f"{name} {unit}: the highest {top:,.4g}{newest}" if known else f"{name}: not known",
    )
