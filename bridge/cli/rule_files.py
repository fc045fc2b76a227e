"""`rules fmt` and `rules new`: rule files, without a database."""

from importlib.resources import files
from pathlib import Path

import click

from bridge.cli.session import Session, json_option, outcome
from bridge.config import rules_directory, whole_file
from rules.language.layout import ordered
from rules.language.rewrite import with_id, with_mode
from rules.loading.load import load
from rules.model.environment import Environment
from rules.model.errors import RuleError
from rules.model.revision import Mode
from rules.model.spelling import did_you_mean, listed

LIBRARY = "library/"


@click.command()
@click.argument("file", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a file is not in order.")
@json_option
@click.pass_obj
def fmt(session: Session, file: tuple[Path, ...], check: bool, json: bool) -> None:
    """Put the keys of rule files in the order of the language, each with its comments; all of BRIDGE_HOME without FILE.

    A file is written only if the meaning of its rules does not change.

    \b
    Examples:
      integr8-bridge rules fmt
      integr8-bridge rules fmt --check rules/low-cr.yaml
    """
    changed, wrong = [], []
    for path in file or tuple(rules_directory.files(session.settings)):
        try:
            text, new = _formatted(path)
        except RuleError as error:
            wrong += [str(problem) for problem in error.problems]
            continue
        if new != text:
            changed.append(str(path))
            if not check:
                _write(path, new)
    for line in wrong:
        click.secho(line, fg="red", err=True)
    word = "is not in order" if check else "put in order"
    told = {"changed": changed, "problems": wrong}
    in_order = [] if wrong else ["every file is in order"]
    outcome(told, [*(f"{path}: {word}" for path in changed)] or in_order, json=json)
    if wrong or (check and changed):
        raise SystemExit(1)


def _formatted(path: Path) -> tuple[str, str]:
    """Return the text of a file and the same in order.

    Raises RuleError if it is not a rule, or would become another one.
    """
    text, unread = rules_directory.text_of(path, str(path))
    if unread:
        raise RuleError((unread,))
    before = load(text, name=str(path), environment=Environment(), tests=False)
    if before.errors:
        raise RuleError(before.errors)
    new = ordered(text, str(path))
    after = load(new, name=str(path), environment=Environment(), tests=False)
    if [one.hash for one in after.revisions] != [one.hash for one in before.revisions]:
        return text, text  # comments or a block of text stand in a way that only a person should move
    return text, new


@click.command()
@click.argument("rule")
@click.option("--from", "source", metavar="library/NAME", required=True, help="A rule of the library, or a rule file.")
@json_option
@click.pass_obj
def new(session: Session, rule: str, source: str, json: bool) -> None:
    """Write rules/RULE.yaml from a ready rule, in shadow, to be changed before it goes live.

    \b
    Example:
      integr8-bridge rules new weak-offers --from library/low-cr
    """
    text = _ready(source)
    [first, *more] = load(text, name=source, environment=Environment(), tests=False).revisions or [None]
    if first is None or more:
        raise click.ClickException(f"{source}: must hold exactly one rule")
    target = session.settings.rules_dir / f"{rule}.yaml"
    if target.exists():
        raise click.ClickException(f"{target}: already exists; choose another name")
    written = ordered(with_id(with_mode(text, first.id, Mode.SHADOW), first.id, rule), source)
    wrong = load(written, name=str(target), environment=Environment(), tests=False).errors
    if wrong:
        raise click.ClickException(str(wrong[0]))
    target.parent.mkdir(exist_ok=True)
    _write(target, written)
    lines = [f"{target}: written in shadow. Change it, then: integr8-bridge rules test {target}"]
    outcome({"rule": rule, "file": str(target), "from": source}, lines, json=json)


def _write(path: Path, text: str) -> None:
    try:
        whole_file.write(path, text)
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be written ({error.strerror})") from None


def _ready(source: str) -> str:
    """Return the text of a rule of the library, or of a file."""
    library = {Path(one.name).stem: one for one in files("rules").joinpath("library").iterdir()}
    name = source.removeprefix(LIBRARY)
    if name in library and not Path(source).is_file():
        return library[name].read_text(encoding="utf-8")
    path = Path(source)
    if not path.is_file():
        known = sorted(f"{LIBRARY}{one}" for one in library)
        raise click.ClickException(f"there is no {source}{did_you_mean(source, known)} (known: {listed(known)})")
    text, unread = rules_directory.text_of(path, source)
    if unread:
        raise click.ClickException(str(unread))
    return text
