"""Change the mode of a rule (shadow, approve, live) by changing one word in its file."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from bridge.config import rulebook
from bridge.config.rule_names import known_names
from bridge.operations.errors import NotThere, OperationError, Refused
from bridge.operations.rule_save import NOT_WRITABLE, is_writable, patch_of, write_rule_file
from bridge.services.container import Services
from bridge.store import audit_log
from rules.language.canonical import document_of
from rules.language.rewrite import NotRewritable, with_mode
from rules.loading.load import load
from rules.model.revision import Mode, Revision


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The result of a mode change. `revision` is the hash of the live revision."""

    rule: str
    before: str
    mode: str
    file: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModePatch:
    """A mode change to apply where the rules live: as `git apply` takes it, and why it is not written here."""

    rule: str
    patch: str
    why_not: str


def patch_only(services: Services, rule: str, mode: Mode) -> ModePatch | None:
    """Return the change as a patch if the rule's file cannot be written from here, else None.

    Raises what `move` does.
    """
    live = _live(services, rule)
    path = services.settings.home / live.place.file
    if is_writable(path.parent):
        return None
    written = _written(services, live, path, mode)
    patch = patch_of(path.read_bytes().decode(), written, live.place.file)
    return ModePatch(rule=rule, patch=patch, why_not=NOT_WRITABLE)


def move(services: Services, rule: str, mode: Mode, *, who: str, now: datetime) -> Moved:
    """Write the mode into the rule's file and load it.

    Raises NotThere for an unknown rule; Refused if the file was changed since it was loaded, cannot be written from
    here, or would change more than the mode.
    """
    live = _live(services, rule)
    path = services.settings.home / live.place.file
    written = _written(services, live, path, mode)
    write_rule_file(path, written)
    reading, _ = rulebook.publish(services.store, services.settings, now=now)
    moved = next((one for one in reading.revisions if one.id == rule), None)
    if moved is None or moved.mode is not mode:
        raise OperationError(f"rule {rule}: {live.place.file} was written and does not load; `integr8-bridge check`")
    detail = {"from": str(live.mode), "to": str(mode), "file": live.place.file}
    with services.store.write() as session:
        audit_log.note(session, who=who, what="move rule", about=rule, now=now, detail=detail)
    return Moved(rule=rule, before=str(live.mode), mode=str(mode), file=live.place.file, revision=moved.hash)


def _live(services: Services, rule: str) -> Revision:
    with services.store.read() as session:
        book = services.library.current(session)
    live = book.revisions.get(rule)
    if live is None:
        raise NotThere(f"rule {rule}: it is not loaded")
    if rule in book.stale:
        raise Refused(f"rule {rule}: its newest text is broken; fix {live.place.file} first")
    return live


def _written(services: Services, live: Revision, path: Path, mode: Mode) -> str:
    """Return the file's new text, if it means the same except for the mode."""
    if mode is live.mode:
        raise Refused(f"rule {live.id}: its mode is {mode} already")
    try:
        text = path.read_bytes().decode()  # not read_text: line ends stay as they are
    except (OSError, UnicodeDecodeError):
        raise Refused(f"rule {live.id}: {live.place.file} cannot be read; {_by_hand(mode)}") from None
    if _same(services, text, live) is None:
        raise Refused(f"rule {live.id}: {live.place.file} has changed since it was loaded; reload the rules first")
    try:
        written = with_mode(text, live.id, mode)
    except NotRewritable as error:
        raise Refused(f"rule {live.id}: {error}; {_by_hand(mode)}") from None
    if _same(services, written, replace(live, mode=mode)) is None:
        raise Refused(f"rule {live.id}: the mode cannot be changed by itself; {_by_hand(mode)}")
    return written


def _same(services: Services, text: str, wanted: Revision) -> Revision | None:
    """Return the rule of that text, if it means exactly what is wanted."""
    loaded = load(
        text,
        name=wanted.place.file,
        environment=known_names(services.settings, services.library.tables),
        tests=False,
    )
    found = next((one for one in loaded.revisions if one.id == wanted.id), None)
    return found if found is not None and document_of(found) == document_of(wanted) else None


def _by_hand(mode: Mode) -> str:
    return f"write `mode: {mode}` there by hand"
