"""Find the one item that a person means: accounts number their items alike, so an id alone may not be enough."""

from collections.abc import Iterable

from sqlalchemy.orm import Session

from bridge.operations.errors import NotThere, Refused
from bridge.store import entities
from bridge.store.entities import Entity
from rules.model.spelling import listed


class SeveralAccounts(Refused):
    """More than one account has such an item. `accounts` lists them."""

    def __init__(self, what: str, accounts: Iterable[str]) -> None:
        self.accounts = sorted(set(accounts))
        super().__init__(
            f"{what} is in {len(self.accounts)} accounts; say in which: {listed(self.accounts, last='or')}"
        )


def find_item(session: Session, kind: str, identity: str, account: str | None = None) -> Entity:
    """Return the item with that id, either of its two. Raises NotThere, SeveralAccounts."""
    found = entities.all_named(session, kind, identity, account=account)
    if not found:
        where = f" of account {account}" if account is not None else ""
        raise NotThere(f"{kind} {identity}{where}: not among the entities read from Integr8")
    if len({one.account for one in found}) > 1:
        raise SeveralAccounts(f"{kind} {identity}", [one.account for one in found])
    return found[0]
