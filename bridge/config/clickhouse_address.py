"""The address of ClickHouse: `clickhouse://USER:PASSWORD@HOST:8123/DATABASE`, or `clickhouses://` for TLS.

What stands behind a `?` are settings of ClickHouse for everything that is asked there, such as `insert_quorum=auto`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from urllib.parse import parse_qsl, unquote, urlsplit

PORTS = {"clickhouse": 8123, "clickhouses": 8443}  # of its HTTP interface, without and with TLS
DATABASE = "default"
EXAMPLE = "clickhouse://USER:PASSWORD@HOST:8123/DATABASE"
PACKAGE = "clickhouse_connect"


class BadAddress(ValueError):
    """The address names no server; the text says how to write it."""


@dataclass(frozen=True, slots=True)
class ClickHouseAddress:
    """The address of ClickHouse, and the user."""

    host: str
    port: int
    database: str = DATABASE
    user: str = "default"
    password: str = field(default="", repr=False)
    secure: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The address without the user, for messages."""
        return f"{self.host}:{self.port}/{self.database}"


def parse(url: str) -> ClickHouseAddress:
    """Parse the address. Raises BadAddress, whose text never contains the address, because it may hold a password."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        raise BadAddress(f"has brackets that hold no IPv6 address; write {EXAMPLE}") from None
    if parts.scheme not in PORTS:
        raise BadAddress(f"is not a clickhouse:// or clickhouses:// address; write {EXAMPLE}")
    try:
        port = parts.port or PORTS[parts.scheme]
    except ValueError:
        words = "has a port that is not a number from 1 to 65535, or a password with a character that must be encoded"
        raise BadAddress(f"{words} (/ is %2F, @ is %40, # is %23); write {EXAMPLE}") from None
    database = unquote(parts.path.strip("/"))
    if not parts.hostname or "/" in database or parts.fragment:
        raise BadAddress(f"needs a host and at most a database name; write {EXAMPLE}")
    return ClickHouseAddress(
        host=parts.hostname,
        port=port,
        database=database or DATABASE,
        user=unquote(parts.username or "") or "default",
        password=unquote(parts.password or ""),
        secure=parts.scheme == "clickhouses",
        settings=dict(parse_qsl(parts.query, keep_blank_values=True)),
    )


def is_installed() -> bool:
    """Return whether the ClickHouse client is installed, without loading it."""
    return find_spec(PACKAGE) is not None
