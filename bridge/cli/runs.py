"""`runs`: list and show runs, and undo them."""

import getpass
from dataclasses import asdict
from typing import Any

import click
from sqlalchemy import select

from bridge.cli.runs_list import list_, row
from bridge.cli.session import ROW_ID, Session, as_json, json_option, outcome
from bridge.cli.targets import chosen_targets, confirm, yes_option
from bridge.operations.confirmation import about_undo, about_undo_of_runs
from bridge.operations.reveal_secret import reveal_secret
from bridge.operations.undo import undo, undo_runs
from bridge.store import ledger
from bridge.store.ledger import Effect
from bridge.store.runs import Run, StoredVerdict


@click.group()
def runs() -> None:
    """List, show and undo runs."""


runs.add_command(list_)


@runs.command("show")
@click.argument("run", type=ROW_ID)
@json_option
@click.pass_obj
def show_(session: Session, run: int, json: bool) -> None:
    """Show one run: verdicts with their reasons, what a guard stopped, effects and their calls.

    \b
    Example:
      integr8-bridge runs show 812
    """
    with session.read() as database:
        found = database.get(Run, run)
        if found is None:
            raise click.ClickException(f"run {run}: not found; `integr8-bridge runs list` shows them")
        verdicts = list(database.scalars(select(StoredVerdict).where(StoredVerdict.run_id == run).limit(200)))
        plans = ledger.plans_of(database, found.plan_of or run)
        story = row(found) | {
            "revision": found.revision,
            "compared_with": found.base_id,
            "verdicts": [{"subject": one.subject, "answer": one.answer, "reason": one.reason} for one in verdicts],
            "plans": [
                {"plan": one.id, "state": one.state, "stops": one.stops, "effects": [_effect(e) for e in one.effects]}
                for one in plans
            ],
        }
    click.echo(as_json(story) if json else _told(story))


def _effect(effect: Effect) -> dict[str, Any]:
    return {
        "effect": effect.id,
        "does": f"{effect.verb} {effect.kind} {effect.target_id}",
        "state": str(effect.state),
        "error": effect.error,
        "calls": [f"{call.id}: {call.operation} {call.outcome}" for call in effect.calls],
    }


def _told(story: dict[str, Any]) -> str:
    words = {1: "yes", 0: "no", -1: "no decision"}
    counts = f"{story['yes']} yes, {story['no']} no, {story['no_decision']} no decision"
    lines = [
        f"run {story['run']}: {story['rule']} ({story['mode']}), {story['started']:%Y-%m-%d %H:%M:%S} UTC",
        f"  cause {story['cause']}; {counts}; {story['outcome']}",
    ]
    if story["compared_with"]:
        lines.append(f"  what changed is listed; run {story['compared_with']} lists everything")
    lines += [f"  {one['subject']}: {words[one['answer']]}; {one['reason']}" for one in story["verdicts"]]
    for plan in story["plans"]:
        lines.append(f"  plan {plan['plan']}: {plan['state']}")
        lines += [f"    stopped ({stop['guard']}): {stop['message']}" for stop in plan["stops"]]
        for one in plan["effects"]:
            error = f"; {one['error']}" if one["error"] else ""
            calls = f" [calls {', '.join(one['calls'])}]" if one["calls"] else ""
            lines.append(f"    {one['does']}: {one['state']}{error}{calls}")
    return "\n".join(lines)


@runs.command("undo")
@click.argument("runs", metavar="RUN", type=ROW_ID, nargs=-1, required=True)
@click.option("--only", multiple=True, metavar="KIND=ID", help="Undo these targets only: --only offer=42")
@yes_option
@json_option
@click.pass_obj
def undo_(session: Session, runs: tuple[int, ...], only: tuple[str, ...], yes: bool, json: bool) -> None:
    """Undo a run, a part of it, or several runs. Later changes are left alone. An undo can be undone.

    Several runs are undone one by one, the newest first.

    \b
    Examples:
      integr8-bridge runs undo 812 --only offer=42
      integr8-bridge runs undo 812 813
    """
    if len(runs) > 1:
        if only:
            raise click.UsageError("--only needs exactly one run")
        _undo_several(session, runs, yes=yes, json=json)
        return
    [run] = runs
    with session.operating() as services:
        selection = chosen_targets(only)
        confirm(lambda: about_undo(services, run, selection, services.clock()), yes=yes)
        done = undo(services, run, who=getpass.getuser(), now=services.clock(), selection=selection)
    lines = [f"run {done.run_id} undoes run {run}: {done.outcome}", *done.effects]
    outcome(done, [*lines, *(f"left alone: {why}" for why in done.left)], json=json)


def _undo_several(session: Session, runs: tuple[int, ...], *, yes: bool, json: bool) -> None:
    with session.operating() as services:
        confirm(lambda: about_undo_of_runs(services, runs), yes=yes)
        found = undo_runs(services, runs, who=getpass.getuser(), now=services.clock())
    lines = []
    for one in found:
        if one.undone is None:
            lines.append(f"run {one.run}: not undone; {one.problem}")
            continue
        lines += [f"run {one.undone.run_id} undoes run {one.run}: {one.undone.outcome}", *one.undone.effects]
        lines += [f"left alone: {why}" for why in one.undone.left]
    outcome([asdict(one) for one in found], lines, json=json)
    if any(one.undone is None for one in found):
        raise SystemExit(1)


@runs.command("secret")
@click.argument("effect", type=ROW_ID)
@json_option
@click.pass_obj
def secret(session: Session, effect: int, json: bool) -> None:
    """Show the password that an effect generated. It is shown once and then deleted.

    \b
    Example:
      integr8-bridge runs secret 2
    """
    with session.operating() as services:
        found = reveal_secret(services, effect, who=getpass.getuser(), now=services.clock())
    outcome(found, [f"{name}: {value}" for name, value in found.items()], json=json)
