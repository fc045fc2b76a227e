"""Small line charts as one SVG file, drawn with nothing but text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

Point = tuple[float, float]

WIDTH, HEIGHT, LEFT, TOP, GAP = 760, 130, 70, 34, 62
COLOURS = ("#0b7285", "#c2255c", "#5f3dc4", "#2b8a3e", "#e67700", "#495057")


@dataclass(frozen=True, slots=True)
class Chart:
    """Several series over the same seconds, from zero upwards."""

    title: str
    series: Mapping[str, Sequence[Point]]


def draw(charts: Sequence[Chart]) -> str:
    """One SVG document, the charts below each other. Minutes run to the right."""
    height = TOP + len(charts) * (HEIGHT + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + LEFT + 30} {height}">',
        "<style>text { font: 12px sans-serif; fill: #212529 }</style>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for number, chart in enumerate(charts):
        parts += _chart(chart, TOP + number * (HEIGHT + GAP))
    return "\n".join([*parts, "</svg>", ""])


def _chart(chart: Chart, top: float) -> list[str]:
    points = [point for series in chart.series.values() for point in series]
    longest = max((at for at, _ in points), default=0.0) or 1.0
    highest = _round_up(max((value for _, value in points), default=0.0))
    bottom = top + HEIGHT
    parts = [f'<text x="{LEFT}" y="{top - 20}" style="font-weight: bold">{escape(chart.title)}</text>']
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * HEIGHT
        parts.append(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y}" y2="{y}" stroke="#dee2e6"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{share * highest:g}</text>')
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = LEFT + share * WIDTH
        parts.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{share * longest / 60:.3g} min</text>')
    x = float(LEFT)
    for (name, series), colour in zip(chart.series.items(), COLOURS, strict=False):
        line = " ".join(
            f"{LEFT + at / longest * WIDTH:.1f},{bottom - value / highest * HEIGHT:.1f}" for at, value in series
        )
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts.append(f'<text x="{x}" y="{top - 5}" style="fill: {colour}">{escape(name)}</text>')
        x += 14 + 7 * len(name)
    return parts


def _round_up(value: float) -> float:
    """The next 1, 2 or 5 with zeros."""
    if value <= 0:
        return 1.0
    step = 1.0
    while step < value:
        step *= 10
    while step / 10 >= value:
        step /= 10
    return next(step / part for part in (10, 5, 2, 1) if step / part >= value)
