"""One row of the control plane's table, and the arguments of a caller."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.simulator.errors import bad
from bridge.simulator.repositories import Entity, EntityRepository
from bridge.simulator.world import World

FAR = 1e9  # seconds or pieces; thirty years, a thousand million rows


@dataclass(frozen=True, slots=True)
class Asking:
    body: Mapping[str, Any]
    query: Mapping[str, str]
    path: Mapping[str, Any]

    def number(self, name: str, default: float) -> float:
        value = self.body.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise bad(name, "must be a number")
        if abs(value) > FAR:
            raise bad(name, f"must not be beyond {FAR:g}")
        return value

    def choice(self, name: str, known: Collection[str]) -> str:
        value = self.body.get(name)
        if not isinstance(value, str) or value not in known:
            raise bad(name, f"must be one of {', '.join(known)}")
        return value

    def table(self, name: str) -> Mapping[str, Mapping[str, Any]]:
        """Return an object of objects; {} if nothing is given."""
        value = self.body.get(name, {})
        if not isinstance(value, dict) or not all(isinstance(each, dict) for each in value.values()):
            raise bad(name, "must be an object of objects")
        return value

    def text(self, name: str) -> str:
        value = self.body.get(name)
        if not isinstance(value, str) or not value:
            raise bad(name, "is required, a string")
        return value

    def moment(self, name: str) -> datetime | None:
        """Parse an ISO time with its offset."""
        if self.body.get(name) is None:
            return None
        try:
            at = datetime.fromisoformat(str(self.body[name]))
        except ValueError:
            raise bad(name, "must be an ISO time") from None
        if at.tzinfo is None:
            raise bad(name, "must carry its offset, like 2026-01-31T12:00:00Z")
        if not 2000 <= at.year < 2200:
            raise bad(name, "lies beyond the years 2000 to 2199")
        return at


@dataclass(frozen=True, slots=True)
class Place:
    verb: str
    path: str
    answer: Callable[[World, Asking], Any]
    words: str
    unlocked: bool = False  # for what waits on the network


def entity(repository: EntityRepository, wanted: Any, name: str) -> Entity:
    """Return an entity by either id; by default the first living one."""
    found = repository.get(str(wanted)) if wanted is not None else next(repository.living(), None)
    if found is None:
        raise bad(name, f"no {repository.noun.name} has the id {wanted!r}")
    return found
