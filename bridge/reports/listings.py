"""Read entity lists of all accounts through our client, with the lowest priority."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge.integr8 import Client, NotFound, Priority


class ClientListings:
    """Listings through the client of each account and integration."""

    def __init__(self, client: Callable[[str, str], Client]) -> None:
        self._client = client

    def listed(self, account: str, integration: str, kind: str, parent: str | None) -> Sequence[Mapping[str, Any]]:
        client = self._client(account, integration)
        match kind:
            case "offer_event":
                rows = client.offer_events.list(str(parent), priority=Priority.BULK)
            case "landing_page":
                rows = client.landing_pages.list(str(parent), priority=Priority.BULK)
            case _:
                rows = getattr(client, f"{kind}s").list(priority=Priority.BULK)
        return [dict(row) for row in rows]

    def exists(self, account: str, integration: str, kind: str, ref: str, parent: str | None) -> bool:
        client = self._client(account, integration)
        try:
            if kind == "offer_event":
                client.offer_events.get(str(parent), ref, priority=Priority.BULK)
            elif kind == "landing_page":
                client.landing_pages.get(str(parent), ref, priority=Priority.BULK)
            else:
                getattr(client, f"{kind}s").get(ref, priority=Priority.BULK)
        except NotFound:
            return False
        return True
