"""A log of applied writes, so that a test can check whether anything happened twice."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Write:
    number: int
    at: str
    noun: str
    id: str
    incremental_id: int
    action: str  # create, update, status, archive, restore
    fields: Mapping[str, Any]
    changed: bool  # false: the entity already looked like this
    by: str  # the operation, or "person" for a change by hand
    request: int | None

    @property
    def what(self) -> str:
        """Same text, same write. A create is identified by its content, because every create gets a new id."""
        content = orjson.dumps(dict(self.fields), option=orjson.OPT_SORT_KEYS).decode()
        return (
            f"{self.noun} create {content}"
            if self.action == "create"
            else f"{self.noun} {self.id} {self.action} {content}"
        )


class Writes:
    def __init__(self) -> None:
        self.journal: list[Write] = []

    def note(self, **facts: Any) -> None:
        self.journal.append(Write(number=len(self.journal) + 1, **facts))

    def clear(self) -> None:
        self.journal.clear()

    def summary(self) -> dict[str, Any]:
        """Return counts per entity, and what requests applied more than once (a person may repeat himself)."""
        asked = [write for write in self.journal if write.by != "person"]
        counts: dict[str, Counter[str]] = {}
        for write in asked:
            counts.setdefault(f"{write.noun}/{write.id}", Counter())[write.action] += 1
        repeated = Counter(write.what for write in asked)
        idle = Counter(write.what for write in asked if not write.changed)
        return {
            "applied": len(asked),
            "by_entity": {name: dict(count) for name, count in counts.items()},
            "repeated": {what: count for what, count in repeated.items() if count > 1},
            "without_effect": dict(idle),
        }

    def rows(self) -> list[dict[str, Any]]:
        return [asdict(write) for write in self.journal]
