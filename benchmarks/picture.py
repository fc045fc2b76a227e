"""Draw figures as pictures for the documentation: plain SVG that is readable in light and in dark."""

from collections.abc import Mapping, Sequence
from html import escape

BAR, GAP, LEFT, WIDTH, TOP = 26, 10, 210, 720, 44
INK, OURS, OTHERS = "#64748b", "#0d9488", "#94a3b8"


def bars(title: str, values: Mapping[str, float]) -> str:
    """One bar for each name, the first one, ours, in another colour."""
    most = max(values.values(), default=1) or 1
    height = TOP + len(values) * (BAR + GAP)
    parts = [_text(0, 20, title, size=15)]
    for row, (name, value) in enumerate(values.items()):
        y, long = TOP + row * (BAR + GAP), (WIDTH - LEFT - 80) * value / most
        parts.append(_text(LEFT - 10, y + 18, name, anchor="end"))
        parts.append(
            f'<rect x="{LEFT}" y="{y}" width="{long:.1f}" height="{BAR}" rx="3" fill="{OTHERS if row else OURS}"/>'
        )
        parts.append(_text(LEFT + long + 8, y + 18, f"{value:,.0f}"))
    told = "; ".join(f"{name}: {value:,.0f}" for name, value in values.items())
    return _svg(height, f"{title}: {told}", parts)


def lines(title: str, across: str, series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """One line for each name over the same x values, drawn from zero."""
    height, bottom, right = 300, 250, WIDTH - 150
    points = [point for one in series.values() for point in one]
    high = max((y for _, y in points), default=1) or 1
    wide = max((x for x, _ in points), default=1) or 1
    parts = [_text(0, 20, title, size=15), _text((60 + right) / 2, height - 8, across, anchor="middle")]
    for share in (0, 0.5, 1):
        y = bottom - (bottom - TOP) * share
        parts.append(f'<line x1="60" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{INK}" stroke-opacity="0.25"/>')
        parts.append(_text(52, y + 4, f"{high * share:,.0f}", anchor="end"))
    for row, (name, one) in enumerate(series.items()):
        at = [(60 + (right - 60) * x / wide, bottom - (bottom - TOP) * y / high) for x, y in one]
        colour = (OURS, "#d97706", "#6366f1", "#dc2626")[row % 4]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in at]
        parts.append(f'<text x="{at[-1][0] + 8:.1f}" y="{at[-1][1] + 4:.1f}" fill="{colour}">{escape(name)}</text>')
    for x in sorted({x for x, _ in points}):
        parts.append(_text(60 + (right - 60) * x / wide, bottom + 18, f"{x:g}", anchor="middle"))
    told = "; ".join(f"{name}: " + ", ".join(f"{x:g} → {y:,.0f}" for x, y in one) for name, one in series.items())
    return _svg(height, f"{title}, by {across}: {told}", parts)


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 13) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'


def _svg(height: int, told: str, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
    style = f'font-family="system-ui, sans-serif" font-size="13" fill="{INK}"'
    return "\n".join([f'{head} aria-label="{escape(told)}" {style}>', *parts, "</svg>", ""])
