"""Charts as SVG, drawn on the server: no script, no inline style, readable by a screen reader through its title."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT, BOTTOM = 720, 120, 18


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
    top: int
    width: int = WIDTH
    height: int = HEIGHT
    floor: int = HEIGHT - BOTTOM


def hours(counts: Sequence[tuple[datetime, int, int]]) -> Chart:
    """Two stacked series per hour: events below, effects above."""
    top = max((lower + upper for _, lower, upper in counts), default=0) or 1
    room, step = HEIGHT - BOTTOM - 4, WIDTH / max(len(counts), 1)
    bars = [
        Bar(
            x=round(number * step + 1, 1),
            width=round(step - 2, 1),
            lower=round(lower / top * room, 1),
            upper=round(upper / top * room, 1),
            label=f"{at:%H:%M}: {lower} events, {upper} effects",
            hour=f"{at:%H}" if at.hour % 6 == 0 else "",
        )
        for number, (at, lower, upper) in enumerate(counts)
    ]
    return Chart(bars, top)
