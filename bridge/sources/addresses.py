"""Find the address of a caller behind proxies, and check it against an allow-list.

Each proxy appends the address that it saw to X-Forwarded-For. The left end of that list is whatever the caller
wrote. So the list is read from the right, and only while the proxy that appended an entry is one of ours.
"""

import ipaddress
from collections.abc import Iterable
from typing import TypeAlias

from bridge.sources.errors import SignatureError
from bridge.sources.request import Incoming
from bridge.sources.strict_schema import Network

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_HOPS = 20


def client(request: Incoming, proxies: Iterable[Network]) -> Address:
    """Return the rightmost hop that is not one of our proxies. Raises SignatureError for an unreadable hop."""
    trusted = tuple(proxies)
    hops = [hop for hop in request.headers.get("x-forwarded-for", "").split(",") if hop.strip()]
    if len(hops) > MAX_HOPS:
        raise SignatureError("address", f"more than {MAX_HOPS} hops in X-Forwarded-For")
    current = parse(request.remote)
    while hops and within(current, trusted):
        current = parse(hops.pop())
    return current


def parse(text: str) -> Address:
    """Parse an address with or without port and brackets. IPv4 inside IPv6 is IPv4: it is the same machine."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        raise SignatureError("address", "the sender's address cannot be read") from None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def check(request: Incoming, allowed: Iterable[Network], proxies: Iterable[Network]) -> None:
    """Raise SignatureError unless the caller is in the allow-list."""
    address = client(request, proxies)
    if not within(address, allowed):
        raise SignatureError("address", f"{address} is not in allow_ips of this source")
