"""Secrets of sources: a new source with its secret, a second secret beside the old one, and the end of the old one.

Values go into .env; bridge.yaml names them. What is made or revealed here is shown once and told in the audit log.
"""

import os
import re
import secrets
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bridge.config import rulebook
from bridge.operations.config_entry import (
    can_write,
    drop_variables,
    read_home,
    replace_in_entry,
    set_variables,
)
from bridge.operations.errors import NotThere, OperationError, Refused
from bridge.operations.source_entry import add, known_presets
from bridge.operations.source_setup import address
from bridge.services.container import Services
from bridge.store import audit_log

PLURAL = {"token": "tokens", "secret": "secrets", "password": "passwords"}
REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
MADE_HERE = frozenset({"token", "secret", "password"})


@dataclass(frozen=True, slots=True)
class SourceSecret:
    """The values for the sender: the whole address, and the secret if it is not in the address. Shown once."""

    source: str
    address: str
    secret: str
    note: str


def add_source(
    services: Services, name: str, preset: str, value: str, *, base_url: str, who: str, now: datetime
) -> SourceSecret:
    """Add a source from a preset and use it at once. An empty secret is generated. Raises Refused."""
    home = services.settings.home
    if not can_write(home):
        raise Refused("bridge.yaml cannot be written; add the source at its origin")
    if preset not in {one["name"] for one in known_presets()}:
        raise Refused(f"{preset[:40]!r} is not a sender that is known; `sources presets` lists them")
    made = add(home, name, preset)
    own = next(reversed(list(made.variables)), "") if "VERIFY" not in str(list(made.variables)[-1:]) else ""
    own = own or next(iter(made.variables), "")
    filled = {one: secrets.token_hex(24) for one in made.variables} | ({own: value.strip()} if value.strip() else {})
    try:
        set_variables(home, filled)
    except OperationError:
        _take_out(services, made.line)
        raise
    _use(services, name, "add source", now=now, who=who)
    return SourceSecret(name, address(services, name, base_url=base_url), filled.get(own, ""), made.title)


def rotate(services: Services, name: str, *, value: str = "", base_url: str, who: str, now: datetime) -> SourceSecret:
    """Accept a second secret beside the present one; the new one is first. Raises Refused, NotThere."""
    home, key, present = _present(services, name)
    variables = REFERENCE.findall(present)
    stem = re.sub(r"_\d+$", "", variables[0])
    count = next(number for number in range(2, 1_000) if f"{stem}_{number}" not in os.environ)
    variable = f"{stem}_{count}"
    config = services.settings.sources[name]
    given = value.strip() or _new(str(config.get("verify", "")))
    set_variables(home, {variable: given})
    listed = ", ".join(f'"${{{one}}}"' for one in (variable, *variables))
    try:
        replace_in_entry(home, "sources", name, present, f"{PLURAL[key]}: [{listed}]")
    except OperationError:
        drop_variables(home, [variable])
        raise
    _use(services, name, "rotate secret", now=now, who=who)
    note = "the old one is accepted too, until it is ended"
    return SourceSecret(name, address(services, name, base_url=base_url), given, note)


def end_old(services: Services, name: str, *, who: str, now: datetime) -> None:
    """Accept only the newest secret of a source. Raises Refused, NotThere."""
    home, key, present = _present(services, name)
    variables = REFERENCE.findall(present)
    if len(variables) < 2:
        raise Refused(f"source {name}: has only one secret; rotate it first")
    replace_in_entry(home, "sources", name, present, f'{key}: "${{{variables[0]}}}"')
    _use(services, name, "end old secret", now=now, who=who)


def reveal(services: Services, name: str, *, base_url: str, who: str, now: datetime) -> str:
    """Return the whole address of a source, with its token. The audit log records it."""
    found = address(services, name, base_url=base_url)
    with services.store.write() as session:
        audit_log.note(session, who=who, what="show address", about=name, now=now)
    return found


def _present(services: Services, name: str) -> tuple[Path, str, str]:
    """Return (home, singular key, text) of the secret of an entry, as written in bridge.yaml."""
    home = services.settings.home
    entry = (read_home(home).get("sources") or {}).get(name)
    if not isinstance(entry, dict):
        raise NotThere(f"source {name}: not in bridge.yaml")
    if not can_write(home):
        raise Refused("bridge.yaml cannot be written; rotate the secret at its origin")
    text = (home / "bridge.yaml").read_text(encoding="utf-8-sig")
    for singular, plural in PLURAL.items():
        for key in (singular, plural):
            if key in entry:
                return home, singular, _written(text, name, key, entry[key])
    raise Refused(f"source {name}: it has no secret to rotate")


def _written(text: str, name: str, key: str, value: object) -> str:
    """Return the key with its exact value, if every value is a variable."""
    names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    variables = [REFERENCE.fullmatch(str(one)) for one in names]
    if not variables or None in variables:
        raise Refused(f"source {name}: {key} is not a variable such as ${{NAME}}; rotate it by hand")
    quoted = [rf"[\"']?\$\{{{re.escape(one[1])}\}}[\"']?" for one in variables if one]
    comma = r"\s*,\s*"
    form = quoted[0] if isinstance(value, str) else rf"\[\s*{comma.join(quoted)}\s*\]"
    found = re.findall(rf"\b{key}:\s*{form}", text)
    if len(found) != 1:
        raise Refused(f"source {name}: {key} has a form that only a person should change")
    return str(found[0])


def _new(verify: str) -> str:
    if verify == "standard-webhooks":
        return f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
    return secrets.token_hex(24)


def _use(services: Services, name: str, what: str, *, now: datetime, who: str) -> None:
    services.refresh()
    if name not in services.sources:
        raise OperationError(f"source {name}: was written and cannot be used; `integr8-bridge check` says why")
    rulebook.publish(services.store, services.settings, now=now)
    with services.store.write() as session:
        audit_log.note(session, who=who, what=what, about=name, now=now)


def _take_out(services: Services, line: str) -> None:
    """Remove a line that was just added to bridge.yaml."""
    path = services.settings.home / "bridge.yaml"
    lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    path.write_text("".join(one for one in lines if one.strip() != line), encoding="utf-8")
