"""`rules`: list, show, test, explain and compare rules, and print their JSON Schema."""

import getpass
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy.orm import Session as DatabaseSession

from bridge.cli.choice import Choice
from bridge.cli.renames import rename_command
from bridge.cli.rule_files import fmt, new
from bridge.cli.rules_backtest import backtest, backtests, costs
from bridge.cli.rules_list import list_
from bridge.cli.session import MOMENT, Session, as_json, json_option, outcome, show
from bridge.config import rulebook, rules_directory
from bridge.config.lookup_tables import load_all
from bridge.config.rule_names import known_names
from bridge.operations import git_diff
from bridge.operations.errors import OperationError
from bridge.operations.explain import explain as make_explanation
from bridge.operations.explain import parse_subject
from bridge.operations.rule_diff import diff as make_diff
from bridge.operations.rule_mode import move
from bridge.operations.rule_save import save
from bridge.operations.rule_templates import from_library, library
from bridge.store import revisions as stored_revisions
from rules.language.edit import with_numbers
from rules.language.rewrite import NotRewritable
from rules.language.schema import json_schema
from rules.loading.load import load
from rules.loading.self_tests import run_tests
from rules.model.environment import Environment
from rules.model.formatting import counted
from rules.model.revision import Mode, Revision


@click.group()
def rules() -> None:
    """List, test, explain, backtest and change rules."""


rules.add_command(list_)


@rules.command("show")
@click.argument("rule")
@click.option("--history", is_flag=True, help="All revisions that were ever loaded, as `rules history` shows them.")
@json_option
@click.pass_context
def show_(context: click.Context, rule: str, history: bool, json: bool) -> None:
    """Show the text of the live revision.

    \b
    Example:
      integr8-bridge rules show low-cr
    """
    if history:
        context.invoke(history_, rule=rule, revision=None, json=json)
        return
    session: Session = context.obj
    with session.read() as database:
        found = _history(database, rule)
        live = session.services.library.current(database).revisions.get(rule)
    text = live.text if live else found[0].text
    click.echo(as_json({"rule": rule, "revision": live.hash if live else None, "text": text}) if json else text)


@rules.command("history")
@click.argument("rule")
@click.option("--revision", help="Show the text of this revision; the beginning of its name is enough.")
@json_option
@click.pass_obj
def history_(session: Session, rule: str, revision: str | None, json: bool) -> None:
    """Show all revisions of a rule that were ever loaded, newest first, or the text of one of them.

    \b
    Examples:
      integr8-bridge rules history low-cr
      integr8-bridge rules history low-cr --revision 3f9a85
    """
    with session.read() as database:
        found = _history(database, rule)
        live = session.services.library.current(database).revisions.get(rule)
    if revision is None:
        rows = [
            {
                "revision": one.hash,
                "first_seen": one.first_seen_at,
                "file": one.file,
                "live": live is not None and one.hash == live.hash,
            }
            for one in found
        ]
        show(rows, ("revision", "first_seen", "file", "live"), json=json, empty="")
        return
    named = [one for one in found if one.hash.startswith(revision)]
    if len(named) != 1:
        why = "not found" if not named else f"{len(named)} begin so"
        raise click.ClickException(f"revision {revision}: {why}; `integr8-bridge rules history {rule}` shows them")
    click.echo(as_json({"rule": rule, "revision": named[0].hash, "text": named[0].text}) if json else named[0].text)


def _history(database: DatabaseSession, rule: str) -> list[stored_revisions.StoredRevision]:
    found = stored_revisions.history(database, rule)
    if not found:
        raise click.ClickException(f"rule {rule}: not found; `integr8-bridge rules list` shows them")
    return found


@rules.command("test")
@click.argument("file", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@click.pass_obj
def test(session: Session, file: tuple[Path, ...], json: bool) -> None:
    """Run the tests in rule files; of all rules of BRIDGE_HOME without FILE.

    \b
    Example:
      integr8-bridge rules test rules/low-cr.yaml
    """
    revisions, problems = _loaded(session, file)
    results = [(revision, result) for revision in revisions for result in run_tests(revision)]
    rows = [
        {
            "rule": revision.id,
            "test": result.test.name or str(result.test.place),
            "passed": result.passed,
            "message": result.message,
        }
        for revision, result in results
    ]
    show(rows, ("rule", "test", "passed", "message"), json=json, empty="no tests; add `tests:` to your rules")
    for line in problems:
        click.secho(line, fg="red", err=True)
    if problems or not all(result.passed for _revision, result in results):
        raise SystemExit(1)


def _loaded(session: Session, files: tuple[Path, ...]) -> tuple[list[Revision], list[str]]:
    paths = files or tuple(rules_directory.files(session.settings))
    environment = (
        known_names(session.settings, load_all(session.settings.tables_dir, session.settings.tables)[0])
        if not files
        else Environment()
    )
    texts = [(str(path), *rules_directory.text_of(path, str(path))) for path in paths]
    loaded = [load(text, name=name, environment=environment, tests=False) for name, text, unread in texts if not unread]
    revisions = [revision for one in loaded for revision in one.revisions]
    unread = [str(problem) for _name, _text, problem in texts if problem]
    return revisions, unread + [str(problem) for one in loaded for problem in one.errors]


@rules.command("explain")
@click.argument("rule")
@click.option(
    "--subject", required=True, metavar="DIMENSION=ID", help="offer=42, or offer=42,publisher=7, or event=01J..."
)
@click.option("--at", type=MOMENT, help="Use the facts known at this time, UTC unless it names a zone.")
@json_option
@click.pass_obj
def explain(session: Session, rule: str, subject: str, at: datetime | None, json: bool) -> None:
    """Explain a decision: each condition with its numbers, the guards, and what would change the answer.

    \b
    Example:
      integr8-bridge rules explain low-cr --subject offer=42 --at 2026-11-24T10:15
    """
    with session.operating() as services:
        found = make_explanation(services, rule, parse_subject(subject), now=services.clock(), at=at)
    click.echo(as_json(found.as_json()) if json else found.text)


@rules.command("diff")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--against", metavar="REV", help="Compare all rules of BRIDGE_HOME with a git revision, as Markdown.")
@json_option
@click.pass_obj
def diff(session: Session, file: Path | None, against: str | None, json: bool) -> None:
    """Show what the rules of FILE would decide differently from the live ones, on the present data.

    With --against, show where the present rules would decide differently from those of a git revision, for a pull
    request.

    \b
    Examples:
      integr8-bridge rules diff draft/low-cr.yaml
      integr8-bridge rules diff --against origin/main > comment.md
    """
    if (file is None) == (against is None):
        raise click.UsageError("give either a FILE or --against REV")
    if against is not None:
        _diff_against(session, against, json=json)
        return
    assert file is not None
    with session.operating() as services:
        found = make_diff(services, file, now=services.clock())
    rows = [
        {"rule": one.rule, "subject": change.subject, "live": change.before, "new": change.after, "why": change.why}
        for one in found
        for change in one.changes
    ]
    show(rows, ("rule", "subject", "live", "new", "why"), json=json, empty="no decision would be different")


def _diff_against(session: Session, against: str, *, json: bool) -> None:
    with session.operating() as services:
        now = services.clock()
        found = git_diff.changes(services, against, now=now)
    rows = [
        {
            "rule": one.decisions.rule,
            "before": one.decisions.before,
            "after": one.decisions.after,
            "same": one.decisions.same,
            "changes": [asdict(change) for change in one.decisions.changes],
            "text": one.text,
        }
        for one in found
    ]
    click.echo(as_json(rows) if json else git_diff.markdown(found, against, now=now))


@rules.command("mode")
@click.argument("rule")
@click.argument("mode", type=Choice([str(one) for one in Mode]))
@json_option
@click.pass_obj
def mode_(session: Session, rule: str, mode: str, json: bool) -> None:
    """Change a rule's mode (shadow, approve, live): change one word in its file and load it.

    \b
    Example:
      integr8-bridge rules mode low-cr approve
    """
    with session.operating() as services:
        done = move(services, rule, Mode(mode), who=getpass.getuser(), now=services.clock())
    outcome(done, [f"{done.rule}: {done.before} → {done.mode}, in {done.file}; commit it"], json=json)


@rules.command("library")
@json_option
def library_(json: bool) -> None:
    """Show the rules that come with the service; `rules new` begins with one of them.

    \b
    Example:
      integr8-bridge rules library
    """
    rows = [{"name": one.name, "title": one.title, "note": one.note} for one in library()]
    show(rows, ("name", "title"), json=json, empty="")


@rules.command("new")
@click.argument("name")
@click.option("--id", "rule_id", help="The new rule's id; the name of the library's rule, or a free one like it.")
@click.option(
    "--set", "changes", multiple=True, metavar="PATH=NUMBER", help="Another number: --set data.need.clicks=800"
)
@json_option
@click.pass_obj
def new_(session: Session, name: str, rule_id: str | None, changes: tuple[str, ...], json: bool) -> None:
    """Print a new rule, in shadow, that begins with one of the library; `rules save` writes it.

    \b
    Example:
      integr8-bridge rules new low-cr --set data.need.clicks=800 > draft.yaml
    """
    with session.read() as database:
        taken = session.services.library.current(database).revisions.keys()
    try:
        text = from_library(name, taken, rule_id)
        for change in changes:
            path, _, number = change.partition("=")
            text = with_numbers(text, {path: number})
    except (OperationError, NotRewritable) as error:
        raise click.ClickException(str(error)) from error
    click.echo(as_json({"text": text}) if json else text, nl=json)


@rules.command("save")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--note", default="", help="Reason, shown beside the revision.")
@click.option("--write", is_flag=True, help="Write the file even where the rules are kept in git.")
@json_option
@click.pass_obj
def save_(session: Session, file: Path, note: str, write: bool, json: bool) -> None:
    """Write the one rule of FILE into the rules directory and load it; a patch where the rules are kept in git.

    \b
    Example:
      integr8-bridge rules save draft.yaml --note "fewer clicks needed"
    """
    text, unread = rules_directory.text_of(file, str(file))
    if unread:
        raise click.ClickException(str(unread))
    with session.operating() as services:
        done = save(services, text, who=getpass.getuser(), note=note, now=services.clock(), force=write)
    said = (
        f"{done.file} is written and loaded"
        if done.written
        else f"not written, {done.why_not}; the patch:\n{done.patch}"
    )
    outcome(done, [said], json=json)


@rules.command("schema")
def schema() -> None:
    """Print the JSON Schema of rule files, for editors.

    \b
    Example:
      integr8-bridge rules schema > rule.schema.json
    """
    click.echo(as_json(json_schema()))


@rules.command("reload")
@json_option
@click.pass_obj
def reload(session: Session, json: bool) -> None:
    """Read the rules directory now. All workers use the new generation from their next run on.

    \b
    Example:
      integr8-bridge rules reload
    """
    session.migrated()
    reading, changed = rulebook.publish(session.services.store, session.settings, now=session.services.clock())
    problems = [str(problem) for problem in reading.errors]
    for problem in problems:
        click.secho(problem, fg="red", err=True)
    told = {"rules": len(reading.revisions), "changed": changed, "problems": problems}
    outcome(told, [counted(len(reading.revisions), "rule") + ("" if changed else ", nothing has changed")], json=json)
    if problems:
        raise SystemExit(1)


rules.add_command(backtest)
rules.add_command(backtests)
rules.add_command(costs)
rules.add_command(fmt)
rules.add_command(new)


rules.add_command(rename_command("rule"))
