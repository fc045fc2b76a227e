"""Write a `sources:` entry into bridge.yaml from a preset or a tracker, and say what is left to do.

`config_entry` edits the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.config import yaml_file
from bridge.config.settings import SETTINGS_FILE
from bridge.operations.config_entry import add_entry, check_name
from bridge.operations.source_setup import BASE_URL
from bridge.sources.presets import PRESETS
from bridge.sources.trackers import TRACKERS


@dataclass(frozen=True, slots=True)
class Added:
    """A written entry: its line, the variables that it needs, and where to find each value."""

    name: str
    line: str
    title: str
    variables: Mapping[str, str]


def known_presets() -> list[dict[str, str]]:
    """Return every preset and tracker as rows for a listing."""
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
    """Add an entry to bridge.yaml. Raises Refused if the name is taken or the file cannot be edited safely."""
    check_name(home, "sources", "source", name)
    made = _entry(name, preset)
    add_entry(home, "sources", name, made.line)
    return made


def public_url(home: Path) -> str:
    """Return the address in bridge.yaml, or that of a service on this machine."""
    found = yaml_file.read(home / SETTINGS_FILE).get("public_url")
    return found if isinstance(found, str) and "${" not in found else BASE_URL


def signs_address(preset: str) -> bool:
    """Return whether this sender signs its address, so that bridge.yaml must name it."""
    return preset in PRESETS and "{url}" in PRESETS[preset].settings.get("signed", "")


def _entry(name: str, preset: str) -> Added:
    stem = name.upper().replace("-", "_")
    if preset in TRACKERS or preset == "integr8":
        form = "integr8-postback" if preset == "integr8" else f"postback, dialect: {preset}"
        line = f'{name}: {{verify: token, token: "${{{stem}_TOKEN}}", format: {form}}}'
        title = TRACKERS[preset].title if preset in TRACKERS else "Integr8"
        return Added(name, line, title, {f"{stem}_TOKEN": "a value of your choice; `openssl rand -hex 24` makes one"})
    one = PRESETS[preset]
    variables = {f"{stem}_{one.key.upper()}": one.secret}
    more = ""
    if one.verify == "basic":
        more = f'username: "${{{stem}_USER}}", '
        variables = {f"{stem}_USER": one.secret, **variables}
    if one.setup == "meta":
        more = f'verify_token: "${{{stem}_VERIFY_TOKEN}}", '
        variables[f"{stem}_VERIFY_TOKEN"] = "a word of your choice, which Meta shows when it checks the address"
    if "{webhook_id}" in one.settings.get("signed", ""):
        more = f'webhook_id: "${{{stem}_WEBHOOK_ID}}", '
        variables[f"{stem}_WEBHOOK_ID"] = "the id that the sender shows beside the webhook"
    line = f'{name}: {{verify: {preset}, {more}{one.key}: "${{{stem}_{one.key.upper()}}}"}}'
    return Added(name, line, one.title, variables)
