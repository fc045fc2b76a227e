"""Write one entry into a section of bridge.yaml, and the values of its variables into .env beside it.

The file is edited as text, so that comments and order stay. What comes out is read again before it replaces the file.
"""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dotenv import dotenv_values, set_key

from bridge.config import yaml_file
from bridge.config.environment import control_character
from bridge.config.settings import SETTINGS_FILE
from bridge.operations.errors import OperationError, Refused

ENV = ".env"
SERVICE_CHANNELS = re.compile(r"\boperations\s*:\s*(\[[^\]]*\]|[^\s,}\]#]+)")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")


def read_home(home: Path) -> dict[str, Any]:
    """Return the text of bridge.yaml. Raises OperationError."""
    try:
        return yaml_file.read(home / SETTINGS_FILE)
    except (FileNotFoundError, yaml_file.YamlProblem) as error:
        raise OperationError(f"{SETTINGS_FILE} cannot be read: {error}; `integr8-bridge init` writes one") from error


def check_name(home: Path, section: str, what: str, name: str) -> dict[str, Any]:
    """Return the text of bridge.yaml, if the name may be added. Raises Refused."""
    if not NAME.fullmatch(name):
        raise Refused(f"{name[:60]!r} is not a name of a {what}; write lower-case letters, digits, - and _")
    before = read_home(home)
    if name in (before.get(section) or {}):
        raise Refused(f"{what} {name!r}: is already in {SETTINGS_FILE}; choose another name")
    return before


def add_entry(home: Path, section: str, name: str, line: str) -> None:
    """Add a line at the end of a section. Raises Refused if the file cannot be edited safely."""
    before = read_home(home)
    path = home / SETTINGS_FILE
    _replace(path, section, name, _with(path.read_text(encoding="utf-8-sig"), section, line), before)


def replace_in_entry(home: Path, section: str, name: str, old: str, new: str) -> None:
    """Replace a text that occurs once in the lines of an entry. Raises Refused otherwise."""
    before = read_home(home)
    path = home / SETTINGS_FILE
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    start = next((at for at, line in enumerate(lines) if re.match(rf"{section}\s*:", line)), None)
    own = [] if start is None else _entry_lines(lines, start, name)
    if sum(lines[at].count(old) for at in own) != 1:
        raise Refused(f"{SETTINGS_FILE}: {section}.{name} has a form that only a person should change")
    for at in own:
        lines[at] = lines[at].replace(old, new)
    _replace(path, section, name, "\n".join([*lines, ""]), before)


def set_service_channels(home: Path, names: Sequence[str]) -> None:
    """Write which channels get notices about problems of the service. Raises Refused."""
    before = read_home(home)
    path = home / SETTINGS_FILE
    entry = f"operations: [{', '.join(names)}]"
    if "operations" not in (before.get("notices") or {}):
        add_entry(home, "notices", "operations", entry)
        return
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    start = next((at for at, line in enumerate(lines) if re.match(r"notices\s*:", line)), len(lines))
    end = _end_of_block(lines, start) if start < len(lines) else start
    changed = [SERVICE_CHANNELS.sub(entry, line, count=1) for line in lines[start:end]]
    text = "\n".join([*lines[:start], *changed, *lines[end:], ""])
    _replace(path, "notices", "operations", text, before, value=list(names))


def can_write(home: Path) -> bool:
    """Return whether this process can change bridge.yaml and .env of this home."""
    return os.access(home, os.W_OK) and os.access(home / SETTINGS_FILE, os.W_OK)


def set_variables(home: Path, values: Mapping[str, str]) -> None:
    """Add variables to .env, which only this user can read. Raises Refused for an existing or impossible one."""
    path = home / ENV
    present = dotenv_values(path) if path.is_file() else {}
    for name, value in values.items():
        if name in present or name in os.environ:
            raise Refused(f"the variable {name} is already set; choose another name")
        wrong = control_character(value)
        if wrong or not value:
            raise Refused(f"the value of {name} {f'holds the character {wrong}' if wrong else 'is empty'}")
    try:
        if not path.exists():
            path.touch(mode=0o600)
        for name, value in values.items():
            set_key(path, name, value, quote_mode="always")
        path.chmod(0o600)
    except OSError as error:
        raise Refused(
            f"{ENV} cannot be written ({error.strerror}); set the variables where your deployment keeps them"
        ) from None


def drop_variables(home: Path, names: Sequence[str]) -> None:
    """Remove variables from .env again, after their entry could not be written."""
    path = home / ENV
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
    kept = [line for line in lines if line.partition("=")[0].strip() not in names]
    if kept != lines:
        path.write_text("".join(kept), encoding="utf-8")


def _with(text: str, section: str, entry: str) -> str:
    """Return the file with the entry at the end of its section."""
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if re.match(rf"{section}\s*:", line)), None)
    if start is None:
        gap = [""] if lines and lines[-1].strip() else []
        return "\n".join([*lines, *gap, f"{section}:", f"  {entry}", ""])
    head, _, rest = lines[start].partition(":")
    value = rest.split(" #")[0].strip()
    if value in ("{}", "null", "~"):
        lines[start] = f"{head}:"
    elif value:
        what = section.removesuffix("s")
        raise Refused(
            f"{SETTINGS_FILE}: `{section}` stands on one line; put each {what} on a line of its own, then add: {entry}"
        )
    end = _end_of_block(lines, start)
    return "\n".join([*lines[:end], f"{_indent(lines[start + 1 : end])}{entry}", *lines[end:], ""])


def _end_of_block(lines: Sequence[str], start: int) -> int:
    """Return the line after the last one that is indented below `start`."""
    end = start + 1
    for number in range(start + 1, len(lines)):
        if lines[number].strip() and not lines[number].startswith((" ", "\t", "#")):
            break
        if lines[number].startswith((" ", "\t")) and lines[number].strip():
            end = number + 1
    return end


def _entry_lines(lines: Sequence[str], start: int, name: str) -> list[int]:
    """Return the lines of one entry of a section."""
    found: list[int] = []
    inside = ""
    for at in range(start + 1, _end_of_block(lines, start)):
        line = lines[at]
        if not line.strip() or line.strip().startswith("#"):
            continue
        indent = line[: len(line) - len(line.lstrip())]
        begins = re.match(rf"[\"']?{re.escape(name)}[\"']?\s*:", line.strip())
        if inside and len(indent) <= len(inside):
            inside = ""
        if begins and not found:
            inside = indent
        if inside:
            found.append(at)
    return found


def _indent(block: Sequence[str]) -> str:
    entry = next((line for line in block if line.strip() and not line.strip().startswith("#")), "  ")
    return entry[: len(entry) - len(entry.lstrip())] or "  "


def _replace(path: Path, section: str, name: str, text: str, before: Mapping[str, Any], *, value: Any = None) -> None:
    """Replace the file if only the entry differs, and if the entry equals `value`, when that is given."""
    path = path.resolve()  # a link stays one
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_text(text, encoding="utf-8")
        shutil.copymode(path, new)
        after = yaml_file.read(new)
        others = {key: value for key, value in (after.get(section) or {}).items() if key != name}
        before_others = {key: value for key, value in (before.get(section) or {}).items() if key != name}
        rest = {key: value for key, value in after.items() if key != section}
        unchanged = rest == {key: value for key, value in before.items() if key != section}
        written = (after.get(section) or {}).get(name)
        if not unchanged or others != before_others or written is None or value not in (None, written):
            raise Refused(f"{SETTINGS_FILE} could not be edited without changing something else; add the entry by hand")
        new.replace(path)
    except OSError as error:
        raise Refused(f"{SETTINGS_FILE} cannot be written ({error.strerror}); change it at its source") from None
    finally:
        new.unlink(missing_ok=True)
