"""Decide which addresses may be called. Pure: names are resolved elsewhere.

An address passes twice. First as written: scheme, host, port and path against a list that the operator wrote.
Then, when its name has been resolved, as numbers: nothing private, local or reserved, in whatever dress, unless
the operator wrote that very address into the list.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import unquote

import httpx

from bridge.outbound.errors import Refused

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

PORTS = {"https": 443, "http": 80}
MAX_ENCODED = 5  # times that a path may be percent-encoded
NUMERIC = re.compile(r"(0x[0-9a-f]+|[0-9]+)(\.(0x[0-9a-f]+|[0-9]+)){0,3}\.?", re.IGNORECASE)
# Global as far as the registries are concerned, and yet a way into somebody's own network: IPv4 wrapped in IPv6.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
COMPATIBLE = ipaddress.IPv6Network("::/96")
PROTOCOL = ipaddress.IPv4Network("192.0.0.0/24")  # assigned to protocols; older Pythons call parts of it global


@dataclass(frozen=True, slots=True)
class Destination:
    """One line of the allow-list: `https://api.example.com/v1`, `https://*.example.com`, `http://10.0.0.5:9000`.

    `headers` are sent only there, so that a rule can use a secret without ever holding it.
    """

    scheme: str
    host: str
    port: int
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def covers(self, url: httpx.URL) -> bool:
        if url.scheme != self.scheme or port_of(url) != self.port:
            return False
        return self._covers_host(host_of(url)) and self._covers_path(url)

    def _covers_host(self, host: str) -> bool:
        if self.host.startswith("*."):
            return host.endswith(self.host[1:]) and host != self.host[2:]
        return host == self.host

    def _covers_path(self, url: httpx.URL) -> bool:
        stem, path = self.path.rstrip("/"), _path_of(url)
        return path == stem or path.startswith(f"{stem}/")

    @property
    def address(self) -> Address | None:
        """The address, if the operator wrote a number instead of a name."""
        return as_address(self.host)


def destination(text: str, headers: Iterable[tuple[str, str]] = ()) -> Destination:
    """Parse one line of the allow-list. Raises ValueError with a text for the operator."""
    pattern = text.replace("://*.", "://wildcard.", 1)
    try:
        url = parse(pattern)
    except Refused as error:
        raise ValueError(f"{error.words}; write for example https://api.example.com/v1") from None
    host = host_of(url)
    if pattern != text:
        host = "*." + host.removeprefix("wildcard.")
        if host.count(".") < 2:
            raise ValueError("a star needs a domain of at least two labels below it, as in https://*.example.com")
    return Destination(url.scheme, host, port_of(url), _path_of(url) or "/", tuple(headers))


def parse(text: str) -> httpx.URL:
    """Parse a URL, or raise Refused: no spaces or control characters, no user, no dots that climb."""
    if len(text) > 8_000 or re.search(r"[\x00-\x20\x7f\\]", text):
        raise Refused("the address has spaces, backslashes or control characters, or is too long")
    try:
        url = httpx.URL(text)
        host = url.host
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise Refused("the address cannot be read") from None
    if url.scheme not in PORTS or not host:
        raise Refused("only http:// and https:// addresses with a host can be called")
    if url.userinfo:
        raise Refused("an address must not contain a user or password; use a header")
    if NUMERIC.fullmatch(host) and as_address(host) is None:
        raise Refused("the host is a number in an unusual form; write it as four decimal numbers")
    if any(_climbs(segment) for segment in re.split(r"[/\\]", _decoded(url.path))):
        raise Refused("the path contains `..`")
    return url


def _decoded(path: str) -> str:
    """Decode percent signs completely, however often the text was encoded."""
    for _ in range(MAX_ENCODED):
        path, before = unquote(path), path
        if path == before:
            return path
    raise Refused("the path is encoded too often")


def _path_of(url: httpx.URL) -> str:
    """Return the decoded path for comparisons, in which an encoded slash is not a slash: it is part of a name."""
    path = url.raw_path.partition(b"?")[0].decode("ascii")
    return unquote(re.sub(r"(?i)%2f", "%252F", path))


def _climbs(segment: str) -> bool:
    """Return whether a path climbs.

    Some servers read `..;x` as `..`, some decode `..%3f` before they look for the end of the path, some take wide dots
    for dots, and some ignore blanks and control characters.
    """
    dots = unicodedata.normalize("NFKC", re.split(r"[;?#]", segment, maxsplit=1)[0])
    return re.sub(r"[\s\x00-\x1f\x7f]", "", dots) == ".."


def match(url: httpx.URL, allowed: Iterable[Destination]) -> Destination:
    """Return the line that covers this URL, the longest path first. Raises Refused if there is none."""
    found = [line for line in allowed if line.covers(url)]
    if not found:
        raise Refused(f"{url.scheme}://{host_of(url)}:{port_of(url)} is not among the allowed addresses")
    return max(found, key=lambda line: len(line.path))


def check_addresses(host: str, addresses: Sequence[str], allowed: Iterable[Network]) -> list[Address]:
    """Return the addresses of a name if all of them are allowed. Raises Refused otherwise.

    One bad address refuses them all: a name that points inside as well as outside is an attack or a mistake, and either
    should be seen.
    """
    exceptions = tuple(allowed)
    judged = []
    for text in addresses:
        address = ipaddress.ip_address(text.partition("%")[0])
        if not _excepted(address, exceptions) and not is_public(address):
            raise Refused(f"{host} resolves to a private, local or reserved address")
        judged.append(address)
    if not judged:
        raise Refused(f"{host} does not resolve to any address")
    return judged


def is_public(address: Address) -> bool:
    """Return whether the address is public, and does not disguise another one."""
    inner = embedded(address)
    if inner is not None:
        return is_public(inner)
    if isinstance(address, ipaddress.IPv6Address) and (address in LOCAL_NAT64 or address.is_site_local):
        return False
    if isinstance(address, ipaddress.IPv4Address) and address in PROTOCOL:
        return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    )


def embedded(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address inside an IPv6 one: mapped, compatible, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if address in NAT64 or (address in COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def as_address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def host_of(url: httpx.URL) -> str:
    """Return the host for comparisons: lowercase, in ASCII, without the dot of the root."""
    return url.raw_host.decode("ascii").lower().rstrip(".")


def port_of(url: httpx.URL) -> int:
    return url.port or PORTS[url.scheme]


def _excepted(address: Address, exceptions: tuple[Network, ...]) -> bool:
    inner = embedded(address) or address
    return any(inner.version == network.version and inner in network for network in exceptions)
