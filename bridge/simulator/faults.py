"""Faults that can be switched on while the simulator runs: their kind, operation and frequency.

A fault is data. `picked` decides; the request path (`dispatch.py`, `delivery.py`) carries it out.
"""

import fnmatch
import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.integr8.catalogue import OPERATIONS
from bridge.simulator.errors import bad

# kind -> what it does, and the parameters that it reads
FAULT_KINDS: Final[Mapping[str, str]] = {
    "status": "answer with `status` and `words`; `body` json | html | empty; `when` before | after the write",
    "rate_limited": "429; `retry_after` seconds | date | none; `seconds`",
    "html": "an HTML page as a proxy would send it, `status` 502 by default; `when` before | after",
    "slow": "wait `seconds`; `when` before | after the write",
    "drop": "close the connection without an answer; `when` before | after the write",
    "truncate": "a complete HTTP answer whose JSON stops in the middle",
    "cut": "announce the whole body, send half of it, close the connection",
    "partial_bulk": "apply only the first `share` of the ids of a bulk call, answer as if all were done",
    "deleted": "a person archives the target just before the request is executed",
    "changed": "a person writes `fields` to the target just before the request is executed",
    "repeat_page": "answer a report page as if no cursor had been given",
    "not_found": "404 although it exists",
    "refused_ids": "refuse a bulk call that names one of `ids` with `status`; nothing of it is done",
}
DEFAULTS: Final[Mapping[str, Any]] = {
    "when": "before",
    "status": 500,
    "words": "internal error",
    "body": "json",
    "retry_after": "none",
    "seconds": 1.0,
    "share": 0.5,
    "fields": {},
    "ids": [],
}
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "when": ("before", "after"),
    "body": ("json", "html", "empty"),
    "retry_after": ("seconds", "date", "none"),
}
GENERAL: Final[Mapping[str, tuple[Any, str]]] = {
    "operation": (str, "a pattern over operation names"),
    "count": (int | None, "a whole number, or null for no end"),
    "seed": (int | str, "a whole number or a text"),
    "skip": (int, "a whole number"),
    "probability": (int | float, "a number from 0 to 1"),
}


@dataclass(slots=True)
class Fault:
    id: int
    kind: str
    operation: str = "*"  # a shell pattern over operation names, `offers.*`
    count: int | None = None  # how many times it strikes; None is until switched off
    skip: int = 0  # so many matching requests pass first
    probability: float = 1.0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seen: int = 0
    struck: int = 0
    dice: random.Random = field(default_factory=random.Random, repr=False)

    def __getitem__(self, name: str) -> Any:
        default = 502 if self.kind == "html" and name == "status" else DEFAULTS[name]
        return self.parameters.get(name, default)

    def strikes(self, operation: str) -> bool:
        if not fnmatch.fnmatchcase(operation, self.operation):
            return False
        self.seen += 1
        spent = self.count is not None and self.struck >= self.count
        if spent or self.seen <= self.skip or self.dice.random() >= self.probability:
            return False
        self.struck += 1
        return True

    def describe(self) -> dict[str, Any]:
        names = ("id", "kind", "operation", "count", "skip", "probability", "seen", "struck")
        return {name: getattr(self, name) for name in names} | {"parameters": dict(self.parameters)}


class Faults:
    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._numbers = itertools.count(1)
        self._on: dict[int, Fault] = {}

    def add(self, requested: Mapping[str, Any]) -> Fault:
        given = dict(requested)
        kind = given.pop("kind", None)
        if not isinstance(kind, str) or kind not in FAULT_KINDS:
            raise bad("kind", f"must be one of {', '.join(FAULT_KINDS)}")
        number = next(self._numbers)
        seed = given.pop("seed", self._seed * 1000 + number)
        general = {name: given.pop(name) for name in GENERAL if name in given}
        for name, value in general.items():
            _fits(name, value)
        _fits("seed", seed)
        _check(given)
        dice = random.Random(seed)  # noqa: S311 - repeatable chaos
        fault = Fault(number, kind, parameters=given, dice=dice, **general)
        self._on[number] = fault
        return fault

    def remove(self, number: int) -> bool:
        return self._on.pop(number, None) is not None

    def clear(self) -> None:
        self._on.clear()

    def all(self) -> list[Fault]:
        return list(self._on.values())

    def picked(self, operation: str) -> tuple[Fault, ...]:
        """Return the faults for this request, in the order in which they were switched on."""
        return tuple(fault for fault in self.all() if fault.strikes(operation))


def _fits(name: str, value: Any) -> None:
    kind, words = GENERAL[name]
    if isinstance(value, bool) or not isinstance(value, kind):
        raise bad(name, f"must be {words}")
    if name == "operation" and not fnmatch.filter(OPERATIONS, value):
        raise bad(name, f"{value!r} names no operation; they are called like offers.set_status")


def _check(parameters: Mapping[str, Any]) -> None:
    for name, value in parameters.items():
        if name not in DEFAULTS:
            raise bad(name, f"unknown parameter; known are {', '.join(DEFAULTS)}")
        if name in CHOICES and value not in CHOICES[name]:
            raise bad(name, f"must be one of {', '.join(CHOICES[name])}")
        like = int | float if isinstance(DEFAULTS[name], float) else type(DEFAULTS[name])
        if not isinstance(value, like) or isinstance(value, bool):
            raise bad(name, f"must look like {DEFAULTS[name]!r}")
