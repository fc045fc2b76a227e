"""Parse the address of Redis: one server, or a group of Sentinels that name the current master.

`redis+sentinel://:PASSWORD@HOST:26379,HOST:26379/MASTER/DB`; a password of the Sentinels themselves stands in
`?sentinel_password=`. Everything else is an address as redis-py reads it.
"""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

if TYPE_CHECKING:
    import redis

SCHEME = "redis+sentinel"
PORT = 26379
ONE_SERVER = re.compile(r"(rediss?|unix)://")
EXAMPLE = "redis+sentinel://:PASSWORD@sentinel-1:26379,sentinel-2:26379/MASTER/0"


class BadAddress(ValueError):
    """The address names no server; the text says how to write it."""


@dataclass(frozen=True, slots=True)
class Sentinels:
    """The sentinels that know the master, and the credentials of the master."""

    hosts: tuple[tuple[str, int], ...]
    master: str
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_password: str | None = field(default=None, repr=False)


def sentinels(url: str) -> Sentinels | None:
    """Return the group that an address names; None if it names one server. Raises BadAddress."""
    if ONE_SERVER.match(url):
        return None
    scheme, _, rest = url.partition("://")
    if scheme.lower() != SCHEME:
        raise BadAddress("is not a redis:// address; write redis://host:6379/0")
    # Python of some distributions (3.11.2 of Debian 12) splits no address in which [::1] stands behind another host.
    authority, _, place = rest.partition("/")
    parts = urlsplit(f"{SCHEME}://group/{place}")
    login, _, hosts = authority.rpartition("@")
    username, _, password = login.partition(":")
    master, _, db = parts.path.strip("/").partition("/")
    if not master or not hosts:
        raise BadAddress(f"needs the name of the master; write {EXAMPLE}")
    try:
        return Sentinels(
            hosts=tuple(_host(one) for one in hosts.split(",") if one),
            master=unquote(master),
            db=int(db or 0),
            username=unquote(username) or None,
            password=unquote(password) or None,
            sentinel_password=next(iter(parse_qs(parts.query).get("sentinel_password", [])), None),
        )
    except ValueError:
        raise BadAddress(f"has a port or a database that is not a number; write {EXAMPLE}") from None


def client(url: str, **options: Any) -> "redis.Redis":
    """Return a client of the server, or of the current master. `options` are redis-py's.

    It connects when it is used.
    """
    import redis  # noqa: PLC0415 - a command that needs no Redis does not load it

    group = sentinels(url)
    if group is None:
        return redis.Redis.from_url(url, **options)
    from redis import sentinel  # noqa: PLC0415 - only where one is named

    made: Any = sentinel  # its functions have no types
    times = {name: value for name, value in options.items() if name.startswith("socket_")}
    asked = made.Sentinel(group.hosts, sentinel_kwargs={**times, "password": group.sentinel_password})
    found: redis.Redis = asked.master_for(
        group.master, db=group.db, username=group.username, password=group.password, **options
    )
    return found


def broker(url: str | None) -> tuple[str | None, dict[str, Any]]:
    """Return the same server as Celery names it: an address, and options of its transport."""
    group = sentinels(url) if url else None
    if group is None:
        return url, {}
    login = f"{quote(group.username or '', safe='')}:{quote(group.password, safe='')}@" if group.password else ""
    addresses = [f"sentinel://{login}{_named(host)}:{port}/{group.db}" for host, port in group.hosts]
    options: dict[str, Any] = {"master_name": group.master}
    if group.sentinel_password:
        options["sentinel_kwargs"] = {"password": group.sentinel_password}
    return ";".join(addresses), options


def _host(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(text)
    return parts.hostname, parts.port or PORT


def _named(host: str) -> str:
    return f"[{host}]" if ":" in host else host
