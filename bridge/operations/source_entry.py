"""Write a `sources:` entry into bridge.yaml from a preset or a tracker, and say what is left to do.

The file is edited as text, so that comments and order stay. What comes out is read again before it replaces the file.
"""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.config import yaml_file
from bridge.operations.errors import OperationError, Refused
from bridge.operations.source_setup import BASE_URL
from bridge.sources.presets import PRESETS
from bridge.sources.trackers import TRACKERS

FILE = "bridge.yaml"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
KEYS = {"token": ("token", "TOKEN"), "basic": ("password", "PASSWORD"), "public-key": ("public_key", "PUBLIC_KEY")}


@dataclass(frozen=True, slots=True)
class Added:
    """An entry that was written: its line, the variables that it wants, and where each value is found."""

    name: str
    line: str
    title: str
    variables: Mapping[str, str]


def known() -> list[dict[str, str]]:
    """Every preset and tracker, as rows for a listing."""
    rows = [
        {"name": name, "sender": one.title, "verify": one.verify, "setup_call": one.setup or "", "source": one.fact}
        for name, one in PRESETS.items()
    ]
    rows += [
        {"name": name, "sender": f"{one.title} postbacks", "verify": "token", "setup_call": "", "source": one.fact}
        for name, one in TRACKERS.items()
    ]
    return sorted(rows, key=lambda row: row["name"])


def add(home: Path, name: str, preset: str) -> Added:
    """Add an entry to bridge.yaml. Raises Refused where the name is taken or the file cannot be edited safely."""
    if not NAME.fullmatch(name):
        raise Refused(f"{name!r} is no name of a source; write lower-case letters, digits, - and _")
    path = home / FILE
    try:
        before = yaml_file.read(path)
    except (FileNotFoundError, yaml_file.YamlProblem) as error:
        raise OperationError(f"{FILE} cannot be read: {error}; `integr8-bridge init` writes one") from error
    if name in (before.get("sources") or {}):
        raise Refused(f"source {name!r}: stands in {FILE} already; take another name")
    made = _entry(name, preset)
    text = _with(path.read_text(encoding="utf-8-sig"), made)
    _replace(path, text, name, before)
    return made


def public_url(home: Path) -> str:
    """The address that bridge.yaml names, or that of a service on this machine."""
    found = yaml_file.read(home / FILE).get("public_url")
    return found if isinstance(found, str) and "${" not in found else BASE_URL


def _entry(name: str, preset: str) -> Added:
    stem = name.upper().replace("-", "_")
    if preset in TRACKERS or preset == "integr8":
        form = "integr8-postback" if preset == "integr8" else f"postback, dialect: {preset}"
        line = f'{name}: {{verify: token, token: "${{{stem}_TOKEN}}", format: {form}}}'
        title = TRACKERS[preset].title if preset in TRACKERS else "Integr8"
        return Added(name, line, title, {f"{stem}_TOKEN": "a value of your choice; `openssl rand -hex 24` makes one"})
    one = PRESETS[preset]
    key, word = KEYS.get(one.verify, ("secret", "SECRET"))
    variables = {f"{stem}_{word}": one.secret}
    more = ""
    if one.verify == "basic":
        more = f'username: "${{{stem}_USER}}", '
        variables = {f"{stem}_USER": one.secret, **variables}
    if one.setup == "meta":
        more = f'verify_token: "${{{stem}_VERIFY_TOKEN}}", '
        variables[f"{stem}_VERIFY_TOKEN"] = "a word of your choice, which Meta shows when it checks the address"
    line = f'{name}: {{verify: {preset}, {more}{key}: "${{{stem}_{word}}}"}}'
    return Added(name, line, one.title, variables)


def _with(text: str, made: Added) -> str:
    """The file with the entry at the end of its `sources:`."""
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if re.match(r"sources\s*:", line)), None)
    if start is None:
        return "\n".join([*lines, *([""] if lines and lines[-1].strip() else []), "sources:", f"  {made.line}", ""])
    head, _, rest = lines[start].partition(":")
    value = rest.split(" #")[0].strip()
    if value in ("{}", "null", "~"):
        lines[start] = f"{head}:"
    elif value:
        raise Refused(
            f"{FILE}: `sources` stands on one line; put each source on a line of its own, then add: {made.line}"
        )
    end = _end_of_block(lines, start)
    return "\n".join([*lines[:end], f"{_indent(lines[start + 1 : end])}{made.line}", *lines[end:], ""])


def _end_of_block(lines: Sequence[str], start: int) -> int:
    """The line after the last one that is indented below `start`."""
    end = start + 1
    for number in range(start + 1, len(lines)):
        if lines[number].strip() and not lines[number].startswith((" ", "\t", "#")):
            break
        if lines[number].startswith((" ", "\t")) and lines[number].strip():
            end = number + 1
    return end


def _indent(block: Sequence[str]) -> str:
    entry = next((line for line in block if line.strip() and not line.strip().startswith("#")), "  ")
    return entry[: len(entry) - len(entry.lstrip())] or "  "


def _replace(path: Path, text: str, name: str, before: Mapping[str, object]) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_text(text, encoding="utf-8")
        shutil.copymode(path, new)
        after = yaml_file.read(new)
        sources = {key: value for key, value in (after.get("sources") or {}).items() if key != name}
        rest = {key: value for key, value in after.items() if key != "sources"}
        unchanged = rest == {key: value for key, value in before.items() if key != "sources"}
        if not unchanged or sources != (before.get("sources") or {}) or name not in after["sources"]:
            raise Refused(f"{FILE} could not be edited without changing something else; add the entry by hand")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
