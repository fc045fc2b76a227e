"""How often one may try to sign in: per address and per name, counted in the database.

All web processes share the count, and a restart does not begin it anew.
"""

import hmac
import ipaddress
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from flask import request
from sqlalchemy.orm import Session

from bridge.config.settings import Settings
from bridge.sources.addresses import client
from bridge.sources.errors import SignatureError
from bridge.sources.request import Headers, Incoming
from bridge.store import sessions
from bridge.store.users import fold

PER_ADDRESS = (10, timedelta(minutes=1))
PER_NAME = (10, timedelta(minutes=15))  # tries without success, from anywhere
NEIGHBOURS = 64  # bits of an IPv6 address: one customer has at least the rest of them to himself


@dataclass(frozen=True, slots=True)
class Excess:
    """Too many tries: how many seconds to wait, and whether this is the first try beyond the limit."""

    retry_after: int
    is_first: bool


def caller(settings: Settings) -> str:
    """The address that a request comes from, seen through the proxies of `trusted_proxies`."""
    remote = request.remote_addr or ""
    trusted = [ipaddress.ip_network(one) for one in settings.trusted_proxies]
    try:
        return str(client(Incoming(headers=Headers.of_environ(request.environ), remote=remote), trusted))
    except SignatureError:
        return remote  # a header that cannot be read decides nothing


def too_often(session: Session, key: bytes, address: str, name: str | None, now: datetime) -> Excess | None:
    """Count one more try from this address, and for this name; what is too much about it, if anything."""
    for text, (most, span) in _counted(address, name):
        number, since = sessions.count_try(session, _digest(key, text), now=now, span=span)
        if number > most:
            return Excess(max(1, math.ceil((since + span - now).total_seconds())), is_first=number == most + 1)
    return None


def forgive(session: Session, key: bytes, name: str) -> None:
    """The tries for this name ended in a success."""
    sessions.forgive(session, _digest(key, f"name {fold(name)}"))


def _counted(address: str, name: str | None) -> list[tuple[str, tuple[int, timedelta]]]:
    found = [(f"address {_neighbourhood(address)}", PER_ADDRESS)]
    return found if name is None else [*found, (f"name {fold(name)}", PER_NAME)]


def _neighbourhood(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(parsed if parsed.version == 4 else ipaddress.ip_network((parsed, NEIGHBOURS), strict=False))


def _digest(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), sha256).hex()
