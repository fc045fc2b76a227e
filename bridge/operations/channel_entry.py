"""Add a channel to bridge.yaml: its address and secret go into .env, the entry names them."""

import secrets
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime

from bridge.config import rulebook
from bridge.operations.config_entry import (
    add_entry,
    check_name,
    drop_variables,
    set_service_channels,
    set_variables,
)
from bridge.operations.errors import NotThere, OperationError, Refused
from bridge.outbound.channels import ChannelSettingsError, channel
from bridge.services.container import Services
from bridge.store import audit_log

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class AddedChannel:
    """A written channel. `secret` is the new key of a webhook, for the receiver to check signatures.

    It is shown once.
    """

    name: str
    line: str
    variables: tuple[str, ...]
    secret: str = ""


def add_channel(services: Services, name: str, kind: str, address: str, *, who: str, now: datetime) -> AddedChannel:
    """Add a channel and use it at once. Raises Refused with the problem of the address."""
    home = services.settings.home
    check_name(home, "channels", "channel", name)
    stem = name.upper().replace("-", "_")
    address = address.strip()
    secret = f"whsec_{b64encode(secrets.token_bytes(KEY_BYTES)).decode()}" if kind == "webhook" else ""
    _check(name, kind, address, secret)
    values = {f"{stem}_CHANNEL_URL": address} | ({f"{stem}_CHANNEL_SECRET": secret} if secret else {})
    more = f', secret: "${{{stem}_CHANNEL_SECRET}}", event_names: current' if secret else ""
    line = f'{name}: {{{kind}: "${{{stem}_CHANNEL_URL}}"{more}}}'
    set_variables(home, values)
    try:
        add_entry(home, "channels", name, line)
    except OperationError:
        drop_variables(home, tuple(values))
        raise
    services.refresh()
    rulebook.publish(services.store, services.settings, now=now)  # a rule that waited for the channel loads now
    with services.store.write() as session:
        audit_log.note(session, who=who, what="add channel", about=name, now=now, detail={"kind": kind})
    return AddedChannel(name, line, tuple(values), secret)


def tell_of_service(services: Services, name: str, *, told: bool, who: str, now: datetime) -> tuple[str, ...]:
    """Start or stop notices to a channel about the service. Return the notified channels. Raises Refused, NotThere."""
    if name not in services.settings.channels:
        raise NotThere(f"there is no channel {name}")
    others = tuple(one for one in services.settings.operations if one != name)
    wanted = (*others, name) if told else others
    if wanted == services.settings.operations:
        return wanted
    set_service_channels(services.settings.home, wanted)
    services.refresh()
    with services.store.write() as session:
        what = "tell of service" if told else "stop telling of service"
        audit_log.note(session, who=who, what=what, about=name, now=now)
    return wanted


def _check(name: str, kind: str, address: str, secret: str) -> None:
    if kind not in ("apprise", "webhook"):
        raise Refused("a channel must be apprise (for people) or webhook (for programs)")
    entry = {"apprise": address} if kind == "apprise" else {"webhook": address, "secret": secret}
    try:
        channel(name, entry)
    except ChannelSettingsError as error:
        raise Refused("; ".join(words for _, words in error.problems)) from None
