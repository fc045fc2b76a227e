"""Charts as SVG, drawn on the server: no script, no inline style, readable by a screen reader through its title."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rules.model.formatting import counted

WIDTH, HEIGHT, BOTTOM = 720, 120, 18


@dataclass(frozen=True, slots=True)
class Column:
    """One hour: two counts, one upon the other, and the share of the budget that was used, 0 to 1 (None: unknown)."""

    at: datetime
    lower: int
    upper: int
    share: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour: its place, its two stacked parts in pixels, and what a person reads about it."""

    x: float
    width: float
    lower: float
    upper: float
    label: str
    hour: str


@dataclass(frozen=True, slots=True)
class Chart:
    bars: Sequence[Bar]
    budget: str  # points of a polyline: nothing used is the floor, all of it the top
    top: int
    width: int = WIDTH
    height: int = HEIGHT
    floor: int = HEIGHT - BOTTOM


def hours(columns: Sequence[Column], lower: str, upper: str) -> Chart:
    """Two stacked series per hour, named `lower` and `upper`, and the use of the budget as a line over them."""
    top = max((one.lower + one.upper for one in columns), default=0) or 1
    room, step = HEIGHT - BOTTOM - 4, WIDTH / max(len(columns), 1)
    bars = [
        Bar(
            x=round(number * step + 1, 1),
            width=round(step - 2, 1),
            lower=round(one.lower / top * room, 1),
            upper=round(one.upper / top * room, 1),
            label=f"{one.at:%H:%M}: {one.lower:,} {lower}, {one.upper:,} {upper}, "
            f"{percent(one.share)} of the rate limit used",
            hour=f"{one.at:%H}" if one.at.hour % 6 == 0 else "",
        )
        for number, one in enumerate(columns)
    ]
    budget = [
        f"{round((number + 0.5) * step, 1)},{round(HEIGHT - BOTTOM - min(one.share, 1) * room, 1)}"
        for number, one in enumerate(columns)
    ]
    return Chart(bars, " ".join(budget), top)


def percent(share: float) -> str:
    """A share for people: what is less than one percent is not said to be none."""
    return "less than 1%" if 0 < share < 0.01 else f"{share:.0%}"


@dataclass(frozen=True, slots=True)
class Length:
    """A value as a bar in a row of a table, in pixels out of 100."""

    name: str
    width: float
    text: str


def lengths(values: Sequence[tuple[str, float, str]]) -> list[Length]:
    """(name, value, text) as bars beside each other; the longest fills the room."""
    top = max((value for _, value, _ in values), default=0) or 1
    return [Length(name, round(value / top * 100, 1), text) for name, value, text in values]


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    at: datetime
    value: str
    threshold: str


@dataclass(frozen=True, slots=True)
class Curve:
    """Measurements over time and the line that they are held against; both as points of a polyline."""

    dots: Sequence[Dot]
    curve: str
    line: str
    top: str
    label: str
    width: int = WIDTH
    height: int = HEIGHT


def against_line(points: Sequence[tuple[datetime, float, float]], unit: str = "") -> Curve | None:
    """(when, value, line) in order of time. None where nothing was measured."""
    if not points:
        return None
    numbers = [number for _, value, line in points for number in (value, line)]
    low, high = min(0.0, *numbers), max(numbers)
    begin, span = points[0][0], (points[-1][0] - points[0][0]).total_seconds() or 1.0
    room, reach = HEIGHT - BOTTOM - 20, (high - low) or 1.0

    def x(at: datetime) -> float:
        return round((at - begin).total_seconds() / span * (WIDTH - 12) + 6, 1)

    def y(number: float) -> float:
        return round(16 + room - (number - low) / reach * room, 1)

    dots = [Dot(x(at), y(value), at, f"{value:.4g}{unit}", f"{line:.4g}{unit}") for at, value, line in points]
    drawn = [(x(at), y(line)) for at, _, line in points]
    if len(points) == 1:
        drawn.append((WIDTH - 6.0, drawn[0][1]))  # a line that is seen, though there is one measurement only
    return Curve(
        dots=dots,
        curve=" ".join(f"{dot.x},{dot.y}" for dot in dots),
        line=" ".join(f"{left},{top}" for left, top in drawn),
        top=f"{high:.4g}{unit}",
        label=(
            f"{counted(len(dots), 'check')}; the last one measured {dots[-1].value}, "
            f"the threshold was {dots[-1].threshold}"
        ),
    )
