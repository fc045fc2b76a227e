"""Draw the two pictures of docs/explanation/evidence.md as SVG: python docs/evidence_pictures.py."""

from pathlib import Path

IMAGES = Path(__file__).parent / "images"
VOLUMES = ("100", "700", "2,000", "8,000")
#: Percent of offers exactly at the line that are paused within thirty days, from `python -m benchmarks evidence`.
SHARES = {"usual rule": (0, 100, 100, 100), "@95%": (0, 99, 99.7, 98.3), "@95% a month": (2, 4.3, 4, 3.7)}
COLOURS = {"usual rule": "#9aa0a6", "@95%": "#d9822b", "@95% a month": "#1f7a4d"}
STYLE = 'font-family="system-ui, sans-serif" font-size="13" fill="#444"'


def _svg(width: int, height: int, title: str, parts: list[str]) -> str:
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
    paper = f'<rect width="{width}" height="{height}" fill="#fff"/>'
    return "\n".join([opening, f"<title>{title}</title>", paper, *parts, "</svg>", ""])


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" {STYLE}>{words}</text>'


def honest() -> str:
    """Bars: how many honest offers each rule pauses, by traffic."""
    parts = [_text(20, 24, "Honest offers exactly at the line that are paused within 30 days, percent")]
    for number, volume in enumerate(VOLUMES):
        left = 60 + number * 160
        parts.append(_text(left + 55, 250, f"{volume} clicks a day", "middle"))
        for place, (name, shares) in enumerate(SHARES.items()):
            height = shares[number] * 1.7
            x = left + place * 38
            bar = f'<rect x="{x}" y="{230 - height:g}" width="32" height="{height:g}" fill="{COLOURS[name]}"/>'
            parts += [bar, _text(x + 16, 224 - height, f"{shares[number]:g}", "middle")]
    for place, (name, colour) in enumerate(COLOURS.items()):
        parts += [
            f'<rect x="{60 + place * 150}" y="268" width="12" height="12" fill="{colour}"/>',
            _text(78 + place * 150, 279, name),
        ]
    return _svg(700, 295, "Share of honest offers paused within thirty days", parts)


def cohorts() -> str:
    """A time line: clicks, their conversions, and what young clicks weigh."""
    parts = [
        _text(20, 24, "Each click counts by the share of its conversions that should be here by now"),
        '<line x1="40" y1="150" x2="660" y2="150" stroke="#888"/>',
        _text(660, 172, "now", "end"),
        _text(40, 172, "24 hours ago"),
    ]
    for number in range(16):
        x = 50 + number * 40
        age = (650 - x) / 600
        weight = min(1.0, 1 - 2.718 ** (-6 * age))
        full, part = 80.0, 80 * weight
        parts += [
            f'<rect x="{x}" y="{150 - full:g}" width="24" height="{full:g}" fill="none" stroke="#bbb"/>',
            f'<rect x="{x}" y="{150 - part:g}" width="24" height="{part:g}" fill="#1f7a4d" opacity=".75"/>',
        ]
    parts += [
        _text(40, 200, "outline: clicks; green: effective clicks; a conversion is put at the time of its click"),
        '<path d="M470 60 C 500 35, 540 35, 566 62" fill="none" stroke="#d9822b" stroke-width="2"/>',
        '<circle cx="470" cy="62" r="4" fill="#d9822b"/>',
        _text(575, 58, "conversion"),
    ]
    return _svg(700, 215, "Conversions by their click", parts)


if __name__ == "__main__":
    (IMAGES / "evidence-honest.svg").write_text(honest(), encoding="utf-8")
    (IMAGES / "evidence-cohorts.svg").write_text(cohorts(), encoding="utf-8")
