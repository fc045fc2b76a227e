"""One API call as the handlers see it, and their answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.integr8.catalogue import Operation
from bridge.simulator.faults import Fault
from bridge.simulator.keys import ApiKey
from bridge.simulator.world import World


@dataclass(frozen=True, slots=True)
class Call:
    world: World
    operation: Operation
    path: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    body: Mapping[str, Any]
    key: ApiKey | None
    request: int
    host: str
    faults: tuple[Fault, ...] = ()
    remarks: list[str] = field(default_factory=list)

    @property
    def by(self) -> dict[str, Any]:
        """The author of a request, for the journal of writes."""
        return {"by": self.operation.name, "request": self.request}

    def fault(self, kind: str) -> Fault | None:
        return next((fault for fault in self.faults if fault.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int = 200
    payload: Any = None
