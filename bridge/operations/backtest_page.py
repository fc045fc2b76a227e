"""Write a backtest as one self-contained HTML page: figures, would-be actions, and a plot for each item.

No script and nothing from elsewhere, so that it can be mailed and kept.
"""

from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files

from jinja2 import Environment

from rules.backtest.backtest import Report, Series

WIDTH, HEIGHT, EDGE = 760, 150, 24

PAGE_TEMPLATE = files("bridge.operations").joinpath("backtest.html").read_text(encoding="utf-8")


def page(reports: Sequence[Report]) -> str:
    """Return the HTML of one or several reports."""
    environment = Environment(autoescape=True)
    environment.filters["day"] = lambda at: f"{at:%d %b %Y}"
    environment.filters["minute"] = lambda at: f"{at:%d %b %Y %H:%M}"
    plots = [drawn(report) for report in reports]
    return environment.from_string(PAGE_TEMPLATE).render(
        reports=reports, plots=plots, width=WIDTH, height=HEIGHT, floor=HEIGHT - EDGE
    )


def drawn(report: Report) -> list[dict[str, object]]:
    """Return its plots: the title of each, and the points of its lines in a box of WIDTH by HEIGHT."""
    return [_plot(one, report) for one in report.series]


def _plot(series: Series, report: Report) -> dict[str, object]:
    numbers = [one for point in series.points for one in (point.value, point.threshold) if one is not None]
    top = max(numbers, default=1.0) or 1.0
    return {
        "subject": str(series.subject),
        "text": series.text,
        "top": f"{top:.4g}",
        "value": _line([(point.at, point.value) for point in series.points], report, top),
        "threshold": _line([(point.at, point.threshold) for point in series.points], report, top),
        "bands": [
            (x := _x(span.start, report), round(_x(span.end or report.end, report) - x, 1)) for span in series.holds
        ],
    }


def _x(at: datetime, report: Report) -> float:
    return round((at - report.start) / (report.end - report.start) * WIDTH, 1)


def _line(points: Sequence[tuple[datetime, float | None]], report: Report, top: float) -> str:
    room = HEIGHT - EDGE - 4
    drawn = [
        (_x(at, report), round(HEIGHT - EDGE - value / top * room, 1)) for at, value in points if value is not None
    ]
    return " ".join(f"{x},{y}" for x, y in drawn)
