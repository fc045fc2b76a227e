"""Write a rule's text into its file: from a form, over the API or from a shell. The file stays the truth.

Where the files are kept in git or cannot be written from here, nothing is written unless asked for: the answer is the
patch. What is written is loaded at once, and the audit log says who wrote it and why.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.config import rulebook, whole_file
from bridge.operations.check_text import Checked, examine
from bridge.operations.errors import OperationError, Refused
from bridge.operations.rule_templates import check_id
from bridge.services.container import Services
from bridge.store import audit_log
from bridge.store.audit_log import Audit
from bridge.store.engine import Store
from rules.language.strict_yaml import documents
from rules.model.formatting import counted
from rules.model.revision import Mode, Revision

SAVED = "save rule"  # in the audit log
NOT_WRITABLE = "the rules directory cannot be written from here"
MODES_IN_ORDER = (Mode.DISABLED, Mode.SHADOW, Mode.APPROVE, Mode.LIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """The result of a save. `written` is false if only the patch is returned; `revision` is its content hash."""

    rule: str
    file: str
    revision: str
    written: bool
    is_new: bool
    patch: str
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Author:
    """The author, time and note of a revision."""

    who: str
    at: datetime
    note: str


def save(
    services: Services, text: str, *, who: str, note: str, now: datetime, base: str | None = None, force: bool = False
) -> Saved:
    """Write one rule: over its present text, or as a new file `rules/ID.yaml`.

    `base` is the revision that the text was made from; if it is no longer current, the save is refused. `force` writes
    into a working tree of git too. Raises Refused with all problems; then nothing is written.
    """
    found = _only_rule(services, text)
    with services.store.read() as session:
        live = services.library.current(session).revisions.get(found.id)
    if live is None:
        check_id(found.id)
    _check_change(found, live, base)
    path, before, after = _texts(services, found, live, text)
    name = path.relative_to(services.settings.home).as_posix()
    patch = patch_of(before, after, name)
    if not patch:
        raise Refused(f"rule {found.id}: nothing is changed")
    why_not = why_not_written(services, path)
    if why_not and not (force and os.access(path.parent, os.W_OK)):
        return Saved(
            rule=found.id, file=name, revision=found.hash, written=False, is_new=live is None, patch=patch,
            why_not=why_not,
        )  # fmt: skip
    write_rule_file(path, after)
    snapshot, _ = rulebook.publish(services.store, services.settings, now=now)
    if found.hash not in {one.hash for one in snapshot.revisions}:
        raise OperationError(f"rule {found.id}: {name} was written and does not load; `integr8-bridge check` says why")
    detail = {"file": name, "revision": found.hash, "note": note}
    with services.store.write() as session:
        audit_log.note(session, who=who, what=SAVED, about=found.id, now=now, detail=detail)
    return Saved(rule=found.id, file=name, revision=found.hash, written=True, is_new=live is None, patch=patch)


def is_writable(directory: Path) -> bool:
    """Return whether the service can write files into this directory."""
    return directory.is_dir() and os.access(directory, os.W_OK)


def why_not_written(services: Services, path: Path | None = None) -> str:
    """Return why the service should not write a rule file of this home; empty if it may."""
    directory = path.parent if path else services.settings.rules_dir
    if not is_writable(directory):
        return NOT_WRITABLE
    if any((parent / ".git").exists() for parent in (directory, *directory.parents)):
        return "the rules are kept in git"
    return ""


def write_rule_file(path: Path, text: str) -> None:
    """Replace a rule file by a text, completely or not at all. Raises Refused if it cannot be written."""
    try:
        whole_file.write(path, text)
    except OSError as error:
        raise Refused(f"{path.name}: cannot be written ({error.strerror}); change it at its source") from None


def authors(store_session: Session, rule_id: str) -> dict[str, Author]:
    """Return revision → the person who saved it through the service, if any."""
    query = select(Audit).where(Audit.what == SAVED, Audit.about == rule_id).order_by(Audit.id)
    found = {}
    for one in store_session.scalars(query):
        detail = one.detail or {}
        found[detail.get("revision", "")] = Author(one.who, one.at, detail.get("note", ""))
    return found


def authors_of(store: Store, rule_id: str) -> dict[str, Author]:
    """Return the same, in its own session."""
    with store.read() as session:
        return authors(session, rule_id)


def _only_rule(services: Services, text: str) -> Revision:
    checked = examine(services, text)
    wrong = _wrong(checked)
    if wrong:
        raise Refused("\n".join(wrong))
    if len(checked.revisions) != 1:
        raise Refused(f"the text holds {counted(len(checked.revisions), 'rule')}; save one at a time")
    return checked.revisions[0]


def _wrong(checked: Checked) -> Sequence[str]:
    lines = [f"line {one.place.line}: {one.message}" for one in checked.errors]
    lines += [f"line {one.test.place.line}: its test fails: {one.message}" for one in checked.failed]
    return lines or ([] if checked.revisions else ["the text holds no rule"])


def _check_change(new: Revision, live: Revision | None, base: str | None) -> None:
    """Refuse a change to a stronger mode, and an overwrite of a revision that the author has not seen."""
    if live is not None and base is not None and live.hash != base:
        raise Refused(
            f"rule {new.id}: someone changed it meanwhile; open it again, or your text would undo that change"
        )
    if live is None and base is not None:
        raise Refused(f"rule {new.id}: an edit keeps the id of its rule; make a new rule for another id")
    before = live.mode if live else Mode.SHADOW
    if MODES_IN_ORDER.index(new.mode) > MODES_IN_ORDER.index(before):
        what = f"it is {before} now" if live else "a new rule begins in shadow"
        raise Refused(
            f"rule {new.id}: {what}; save it with `mode: {before}`, then move it to {new.mode} by its own step"
        )


def _texts(services: Services, new: Revision, live: Revision | None, text: str) -> tuple[Path, str, str]:
    """Return the file, its present text and the wanted one. Raises Refused."""
    written = text.replace("\r\n", "\n").strip("\n") + "\n"
    if live is None:
        path = services.settings.rules_dir / f"{new.id}.yaml"
        if path.exists():
            raise Refused(f"rule {new.id}: rules/{path.name} already exists; choose another id")
        return path, "", written
    path = services.settings.home / live.place.file
    try:
        before = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError):
        raise Refused(f"rule {new.id}: {live.place.file} cannot be read") from None
    own = next((one.text for one in documents(before, "") if one.text.strip("\n") == live.text.strip("\n")), None)
    if own is None or before.count(own) != 1:
        raise Refused(f"rule {new.id}: {live.place.file} has changed since it was loaded; reload the rules first")
    head = own[: len(own) - len(own.lstrip("\n"))]
    tail = own[len(own.rstrip("\n")) :] or "\n"
    return path, before, before.replace(own, f"{head}{written.rstrip(chr(10))}{tail}")


def patch_of(before: str, after: str, name: str) -> str:
    """Return the change of one file as `git apply` takes it; empty if there is none."""
    old = f"a/{name}" if before else "/dev/null"
    lines = unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), old, f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
