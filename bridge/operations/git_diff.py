"""Compare the rules of the working tree with those of a git revision: which decisions would differ on present data."""

import difflib
import posixpath
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bridge.config import rules_directory
from bridge.config.lookup_tables import load_all
from bridge.config.rule_names import known_names
from bridge.config.settings import Settings
from bridge.operations.errors import OperationError
from bridge.operations.rule_diff import RuleDiff, compare
from bridge.services.container import Services
from rules.language.render import to_yaml
from rules.loading.load import load
from rules.model.environment import Environment
from rules.model.revision import Revision

MAX_SUBJECTS_SHOWN = 50  # subjects of one rule in the page; the rest is counted
_LINK = "120000"  # the mode of a symbolic link in git; its text is what it leads to
_GIT_TIMEOUT = 60  # seconds for one call of git


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule that differs between two versions."""

    decisions: RuleDiff
    text: str  # what changed in its one spelling, as a unified diff


def changes(services: Services, against: str, *, now: datetime) -> list[RuleChange]:
    """Return each rule that is new, gone or different since the git revision `against`.

    Raises OperationError if there is no such revision, or if the rules of the working tree are wrong.
    """
    settings = services.settings
    names = known_names(settings, load_all(settings.tables_dir, settings.tables)[0])
    before = _by_id(texts_at(settings.home, against), names, strict=False)
    after = _by_id(_present(settings), names, strict=True)
    found = []
    for rule in sorted(before.keys() | after.keys()):
        old, new = before.get(rule), after.get(rule)
        if old is None or new is None or old.hash != new.hash:
            decisions = compare(services, rule, old, new, now)
            found.append(RuleChange(decisions, "\n".join(_unified(old, new))))
    return found


def _present(settings: Settings) -> dict[str, str]:
    """Return the rule files of the working tree. Raises OperationError with each unreadable one."""
    read = {f"rules/{path.name}": path for path in rules_directory.files(settings)}
    texts = {name: rules_directory.text_of(path, name) for name, path in read.items()}
    if unread := [str(problem) for _, problem in texts.values() if problem]:
        raise OperationError("\n".join(unread))
    return {name: text for name, (text, _) in texts.items()}


def _by_id(texts: Mapping[str, str], names: Environment, *, strict: bool) -> dict[str, Revision]:
    """Return the rules of some files by id.

    Invalid rules of an old revision are ignored, because they decided nothing then.
    """
    found: dict[str, Revision] = {}
    for name, text in texts.items():
        loaded = load(text, name=name, environment=names)
        if strict and loaded.errors:
            raise OperationError("\n".join(str(problem) for problem in loaded.errors))
        found |= {revision.id: revision for revision in loaded.revisions}
    return found


def texts_at(home: Path, revision: str) -> dict[str, str]:
    """Return the rule files of BRIDGE_HOME at a git revision. Raises OperationError with git's message."""
    if not revision or revision.startswith("-"):
        raise OperationError(
            f"{revision!r} is not a git revision; write a branch, a tag or a commit, such as origin/main"
        )
    commit = _git(home, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").strip()
    found = {}
    for entry in _git(home, "ls-tree", "-z", commit, "rules/").split("\0"):  # names may have any sign but NUL
        kind, _, name = entry.partition("\t")
        if name.endswith(rules_directory.SUFFIXES) and " blob " in kind:
            text = _git(home, "show", f"{commit}:./{name}")
            found[name] = (_led_to(home, commit, text) if kind.startswith(_LINK) else text).removeprefix("\ufeff")
    return found


def _led_to(home: Path, commit: str, link: str) -> str:
    """Return the target of a link in rules/ at that revision; None if it was not a file of the same revision."""
    try:
        return _git(home, "show", f"{commit}:./{posixpath.normpath(posixpath.join('rules', link))}")
    except OperationError:
        return ""


def _git(home: Path, *arguments: str) -> str:
    command = ["git", "-C", str(home), "-c", "core.quotePath=false", *arguments]
    try:
        found = subprocess.run(command, capture_output=True, timeout=_GIT_TIMEOUT, check=False)  # noqa: S603 - no shell
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OperationError(f"git could not be asked: {error}") from error
    if found.returncode:
        said = found.stderr.decode(errors="replace").strip() or "there is no such revision; fetch it first"
        raise OperationError(f"git {arguments[0]} {arguments[-1].removesuffix('^{commit}')}: {said}")
    return found.stdout.decode(errors="replace")


def _unified(old: Revision | None, new: Revision | None) -> Iterator[str]:
    before, after = ([] if one is None else to_yaml(one).splitlines() for one in (old, new))
    yield from list(difflib.unified_diff(before, after, lineterm="", n=1))[2:]


def markdown(found: Sequence[RuleChange], against: str, *, now: datetime) -> str:
    """Return the changes as a comment for a pull request."""
    head = f"### Rules against `{against}`, on the data of {now:%Y-%m-%d %H:%M} UTC"
    if not found:
        return f"{head}\n\nNo rule has changed.\n"
    return "\n".join([head, "", *(line for one in found for line in _of_rule(one))])


def _of_rule(one: RuleChange) -> Iterator[str]:
    decisions = one.decisions
    yield f"#### {decisions.rule}: {_kind(decisions)}"
    yield ""
    yield _summary(decisions)
    yield ""
    if decisions.changes:
        yield from ("| subject | before | after | why |", "|---|---|---|---|")
        for change in decisions.changes[:MAX_SUBJECTS_SHOWN]:
            yield f"| {' | '.join(map(_cell, (change.subject, change.before, change.after, change.why)))} |"
        yield ""
    fence = "`" * max(3, 1 + max((len(run) for run in one.text.split() if set(run) == {"`"}), default=0))
    yield from ("<details><summary>What changed in the rule</summary>", "", f"{fence}diff", one.text, fence)
    yield from ("", "</details>", "")


def _kind(decisions: RuleDiff) -> str:
    if decisions.before is None:
        return "new"
    return "gone" if decisions.after is None else "changed"


def _summary(decisions: RuleDiff) -> str:
    different, every = len(decisions.changes), len(decisions.changes) + decisions.same
    if not every:
        return "Nothing here is in its scope: nothing was compared."
    more = f"; the first {MAX_SUBJECTS_SHOWN} are shown" if different > MAX_SUBJECTS_SHOWN else ""
    return f"{different:,} of {every:,} decisions would be different{more}."


def _cell(text: str) -> str:
    """Return a table cell without markup: names and texts come from outside."""
    plain = " ".join(text.split())
    for mark in "\\`*_{}[]<>|~@#":
        plain = plain.replace(mark, f"\\{mark}")
    return plain
