"""`rules backtest` and `rules backtests`: run rules against the past, and list the results."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar

from bridge.cli.choice import Choice
from bridge.cli.session import MOMENT, Session, Span, as_json, json_option, show
from bridge.config.renamed import with_old_names
from bridge.operations.backtest import BacktestRequest, Thresholds, for_programs, keep, read, try_out, try_thresholds
from bridge.operations.backtest import as_json as backtest_json
from bridge.operations.backtest import compare as make_comparison
from bridge.operations.backtest_page import page
from bridge.operations.rule_costs import costs_of
from bridge.operations.rule_costs import costs_text as told_cost
from bridge.store import backtest_results as stored_results
from rules.backtest.backtest import Progress

COLUMNS = (
    "rule", "revision", "evaluations", "subjects", "no_decision", "pauses", "right", "wrong", "open", "flaps",
    "loss_avoided", "profit_forgone", "waiting", "asked", "stopped",
)  # fmt: skip
MAX_PAUSES_SHOWN = 50


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--from", "start", type=MOMENT, help="Start, UTC unless it names a zone; 30 days ago by default.")
@click.option("--to", "end", type=MOMENT, help="End; now by default, and never later.")
@click.option("--against", type=Choice(["live", "imported"]), default="live", show_default=True)
@click.option("--step", type=Span(), help="Time between evaluations; the rule's own interval by default.")
@click.option("--compare", is_flag=True, help="Against the live revision of the same rule.")
@click.option("--sweep", metavar="METRIC=FROM..TO", help="Compare many thresholds: --sweep cr=0.2%..0.8%")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write one self-contained page with plots."
)
@json_option
@click.pass_obj
def backtest(
    session: Session,
    file: Path,
    start: datetime | None,
    end: datetime | None,
    against: str,
    step: timedelta | None,
    compare: bool,
    sweep: str | None,
    html: Path | None,
    json: bool,
) -> None:
    """Backtest the rules of FILE: evaluate them over the past, with the facts as they were known then.

    The result is kept: the console shows the newest one on the rule's page.

    \b
    Examples:
      integr8-bridge rules backtest rules/low-cr.yaml --from 2026-10-01 --to 2026-11-01 --html low-cr.html
      integr8-bridge rules backtest rules/low-cr.yaml --from 2026-10-01 --to 2026-11-01 --sweep cr=0.2%..0.8%
    """
    with session.operating() as services, _bar() as progress:
        question = BacktestRequest.of(start, end, services.clock(), step, against)  # type: ignore[arg-type]
        if sweep:
            found = try_thresholds(services, file, question, Thresholds.parse(sweep))
            tried = [with_old_names("backtest", asdict(one)) for one in found]
            columns = (
                "value", "pauses", "false_alarms", "flaps", "loss_avoided", "profit_forgone", "saved_clicks", "honest",
                "honest_paused", "unnoticed_hours", "missing_revenue", "best",
            )  # fmt: skip
            show(tried, columns, json=json, empty="")
            _recommend([] if json else tried)
            return
        pairs = make_comparison(services, file, question, progress) if compare else ()
        new = [pair.new for pair in pairs] if compare else try_out(services, file, question, progress)
        costs_ahead = [row for one in read(services, file) for row in costs_of(services, one, services.clock())]
        keep(services, new, question, who=getpass.getuser(), now=services.clock(), costs=costs_ahead)
    reports = [one for pair in pairs for one in (pair.old, pair.new)] or new
    if html:
        html.write_text(page(reports), encoding="utf-8")
    told = [backtest_json(report) for report in reports]
    for report in told:
        report["costs"] = [row for row in costs_ahead if row["rule"] == report["rule"]]
    if json:
        click.echo(as_json(told))
        return
    _print(told)


def _recommend(tried: list[dict[str, Any]]) -> None:
    for line in tried[0]["warnings"] if tried else ():
        click.echo(f"warning: {line}", err=True)
    for one in tried:
        if one["reason"]:
            click.echo(f"recommended: {one['value']:f}; {one['reason']}")


def _print(told: list[dict[str, Any]]) -> None:
    show(told, COLUMNS, json=False, empty="")
    for report in told:
        for guard, count in report["stops"].items():
            click.echo(f"{report['rule']}: {count} stopped by {guard}")
        for row in report["costs"]:
            click.echo(told_cost(row))
        for line in report["warnings"]:
            click.echo(f"{report['rule']}: WARNING: {line}", err=True)
    fires = [{"rule": report["rule"], **fire} for report in told for fire in report["fires"][:MAX_PAUSES_SHOWN]]
    if fires:
        show(fires, ("rule", "at", "does", "reason", "until", "judged"), json=False, empty="")


@contextmanager
def _bar() -> Iterator[Progress]:
    """Show how much of the past has been evaluated; only a terminal shows it."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("loading the past", total=None)

        def progress(done: int, evaluations: int, at: datetime) -> None:
            bar.update(task, description=f"checking {at:%Y-%m-%d %H:%M}", completed=done, total=evaluations)

        yield progress


@click.command()
@click.argument("rule")
@json_option
@click.pass_obj
def backtests(session: Session, rule: str, json: bool) -> None:
    """Show the results of a rule's last backtests, newest first.

    \b
    Example:
      integr8-bridge rules backtests low-cr
    """
    with session.read() as database:
        rows = [
            {"made": one.made_at, "by": one.by, "against": one.against, **for_programs(one.figures)}
            for one in stored_results.of_rule(database, rule)
        ]
    columns = (
        "made",
        "revision",
        "from",
        "to",
        "pauses",
        "right",
        "wrong",
        "open",
        "flaps",
        "loss_avoided",
        "profit_forgone",
        "by",
    )
    show(rows, columns, json=json, empty="none is kept; `integr8-bridge rules backtest` makes one")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@click.pass_obj
def costs(session: Session, file: Path, json: bool) -> None:
    """Show what the rules of FILE will cost at the volumes of this network, before they are live.

    For quiet, typical and busy subjects: how many of 100 honest ones are paused within 30 days by chance, how long a
    collapse to a quarter goes unnoticed, and the money lost meanwhile.

    \b
    Example:
      integr8-bridge rules costs rules/low-cr.yaml
    """
    with session.operating() as services:
        found = [row for revision in read(services, file) for row in costs_of(services, revision, services.clock())]
    columns = (
        "rule",
        "a_day",
        "subjects",
        "honest_paused",
        "better_paused",
        "unnoticed_hours",
        "passed",
        "missing_revenue",
    )
    show(found, columns, json=json, empty="no rule of the file holds a ratio of counts against a plain number")
