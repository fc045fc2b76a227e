"""Charts as SVG, drawn on the server: no script, no inline style, readable by a screen reader through its title."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import floor, log10

from rules.model.formatting import counted

WIDTH, HEIGHT = 720, 160
LEFT, RIGHT, TOP, BOTTOM = 64, 8, 18, 30  # room for the texts of the axes, which are larger on a phone
AXIS_ENDS = (1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)  # their halves are round, too
SMALL = 1e-9  # nothing that is measured here is smaller


@dataclass(frozen=True, slots=True)
class Column:
    """One hour: two stacked counts, and the used share of the budget, 0 to 1."""

    at: datetime
    lower: int
    upper: int
    share: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour: its position, its two stacked parts in pixels, and its text."""

    x: float
    width: float
    lower: float
    upper: float
    label: str
    hour: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars by the hour; `ticks` are the height and the text of the vertical axis, `top` the value at its end."""

    bars: Sequence[Bar]
    ticks: Sequence[tuple[float, str]]
    top: float
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    floor: int = HEIGHT - BOTTOM


def counts(columns: Sequence[Column], lower: str, upper: str) -> Chart:
    """Return two stacked series per hour, named `lower` and `upper`."""
    top = axis_top(max((one.lower + one.upper for one in columns), default=0), whole=True)
    parts = [(one.lower / top, one.upper / top, f"{one.lower:,} {lower}, {one.upper:,} {upper}") for one in columns]
    return _by_hour(columns, parts, top, [f"{top / 2:,.0f}", f"{top:,.0f}"])


def shares(columns: Sequence[Column], words: str) -> Chart:
    """Return how much of the budget was used in each hour, on an axis that ends with all of it."""
    parts = [(min(one.share, 1.0), 0.0, f"{percent(one.share)} {words}") for one in columns]
    return _by_hour(columns, parts, 1.0, ["50%", "100%"])


def _by_hour(
    columns: Sequence[Column], parts: Sequence[tuple[float, float, str]], top: float, texts: Sequence[str]
) -> Chart:
    room, step = HEIGHT - BOTTOM - TOP, (WIDTH - LEFT - RIGHT) / max(len(columns), 1)
    bars = [
        Bar(
            x=round(LEFT + number * step + 1, 1),
            width=round(step - 2, 1),
            lower=round(low * room, 1),
            upper=round(high * room, 1),
            label=f"{one.at:%H:%M}: {text}",
            hour=f"{one.at:%H}:00" if one.at.hour % 6 == 0 else "",
        )
        for number, (one, (low, high, text)) in enumerate(zip(columns, parts, strict=True))
    ]
    ground = float(HEIGHT - BOTTOM)
    return Chart(bars, [(ground, "0"), (ground - room / 2, texts[0]), (ground - room, texts[1])], top)


def axis_top(highest: float, *, whole: bool = False) -> float:
    """Return the end of an axis: a round number that is not below the highest value. `whole`: its half is round too."""
    highest = max(highest, 1.0) if whole else highest
    size = 10.0 ** floor(log10(highest)) if highest > SMALL else 1.0
    ends = (one * size * more for more in (1, 10) for one in AXIS_ENDS)
    return next(one for one in ends if one >= highest and (not whole or one % 2 == 0))


def percent(share: float) -> str:
    """Return a share for people: less than one percent is not shown as none."""
    return "less than 1%" if 0 < share < 0.01 else f"{share:.0%}"


@dataclass(frozen=True, slots=True)
class Length:
    """A value as a bar in a row of a table, in pixels out of 100."""

    name: str
    width: float
    text: str


def lengths(values: Sequence[tuple[str, float, str]]) -> list[Length]:
    """Return (name, value, text) as bars; the longest fills the width."""
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
    """Measurements over time and their threshold; both as points of a polyline."""

    dots: Sequence[Dot]
    curve: str
    line: str
    ticks: Sequence[tuple[float, str]]  # height and text of the vertical axis
    label: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT


def against_line(points: Sequence[tuple[datetime, float, float]], unit: str = "") -> Curve | None:
    """Return the curve of (when, value, threshold) in order of time. None without measurements."""
    if not points:
        return None
    numbers = [number for _, value, line in points for number in (value, line)]
    lowest, highest = min(numbers), max(numbers)
    high = axis_top(highest) if highest > 0 else 0.0
    low = -axis_top(-lowest) if lowest < 0 else 0.0
    begin, span = points[0][0], (points[-1][0] - points[0][0]).total_seconds() or 1.0
    room, reach = HEIGHT - BOTTOM - TOP, (high - low) or 1.0

    def x(at: datetime) -> float:
        return round(LEFT + 6 + (at - begin).total_seconds() / span * (WIDTH - LEFT - RIGHT - 12), 1)

    def y(number: float) -> float:
        return round(TOP + room - (number - low) / reach * room, 1)

    dots = [Dot(x(at), y(value), at, f"{value:,.4g}{unit}", f"{line:,.4g}{unit}") for at, value, line in points]
    drawn = [(x(at), y(line)) for at, _, line in points]
    if len(points) == 1:
        drawn.append((WIDTH - RIGHT, drawn[0][1]))  # a line that is seen, though there is one measurement only
    return Curve(
        dots=dots,
        curve=" ".join(f"{dot.x},{dot.y}" for dot in dots),
        line=" ".join(f"{left},{top}" for left, top in drawn),
        ticks=[(y(number), f"{number:,.4g}{unit}") for number in sorted({low, (low + high) / 2, high})],
        label=(
            f"{counted(len(dots), 'check')}; the last one measured {dots[-1].value}, "
            f"the threshold was {dots[-1].threshold}"
        ),
    )


@dataclass(frozen=True, slots=True)
class Tick:
    """A point of a curve over choices: its place, its label, and whether it is the recommended choice."""

    x: float
    y: float | None  # None: there is no such value
    name: str
    text: str
    best: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """The values of several choices, as points of a polyline."""

    points: Sequence[Tick]
    line: str
    ticks: Sequence[tuple[float, str]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT


def over_choices(values: Sequence[tuple[str, float | None, bool]], written: Callable[[float], str]) -> Choices | None:
    """Return a curve over (name, value, is recommended), from left to right. None if no choice has a value."""
    known = [value for _, value, _ in values if value is not None]
    if not known:
        return None
    top = axis_top(max(known)) if max(known) > 0 else 1.0
    room, step = HEIGHT - BOTTOM - TOP, (WIDTH - LEFT - RIGHT - 40) / max(len(values) - 1, 1)

    def y(value: float) -> float:
        return round(TOP + room - value / top * room, 1)

    points = [
        Tick(
            x=round(LEFT + 20 + number * step, 1),
            y=None if value is None else y(value),
            name=name,
            text="none" if value is None else written(value),
            best=best,
        )
        for number, (name, value, best) in enumerate(values)
    ]
    line = " ".join(f"{one.x},{one.y}" for one in points if one.y is not None)
    return Choices(points, line, [(y(value), written(value)) for value in (0.0, top / 2, top)])
