"""The request log: who asked what, when, and the answer. Keys and passwords never enter it."""

import hashlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.simulator.limiter import busiest

SECRET = ("password", "token", "secure", "signature")
MAX_LOGGED_ITEMS = 20  # items of a list in a summary
DROPPED = 0  # the status of a request that got no answer


@dataclass(slots=True)
class Entry:
    number: int
    at: str
    ticks: float
    method: str
    path: str
    query: dict[str, list[str]]
    operation: str | None = None
    status: int | None = None
    milliseconds: float = 0.0
    body: Any = None
    api_key: str | None = None
    request_id: str = ""
    faults: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


class RequestLog:
    def __init__(self, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._numbers = itertools.count(1)
        self.entries: list[Entry] = []

    def begin(self, at: datetime, method: str, path: str, query: Mapping[str, list[str]]) -> Entry:
        shown = {name: _mask(name, values) for name, values in query.items()}
        number = next(self._numbers)
        entry = Entry(number, at.isoformat(), self._ticks(), method, path, shown, request_id=f"sim-{number:06d}")
        self.entries.append(entry)
        return entry

    def end(self, entry: Entry, status: int) -> None:
        entry.status = status
        entry.milliseconds = round((self._ticks() - entry.ticks) * 1000, 3)

    def clear(self) -> None:
        self.entries.clear()

    def find(
        self,
        *,
        operation: str | None = None,
        method: str | None = None,
        status: int | None = None,
        path: str | None = None,
        after: int = 0,
    ) -> list[dict[str, Any]]:
        return [
            {name: getattr(entry, name) for name in Entry.__slots__}
            for entry in self.entries
            if entry.number > after
            and operation in {None, entry.operation}
            and method in {None, entry.method}
            and status in {None, entry.status}
            and (path is None or path in entry.path)
        ]

    def summary(self) -> dict[str, Any]:
        ticks = [entry.ticks for entry in self.entries]
        passed = [entry.ticks for entry in self.entries if entry.status != 429]
        return {
            "total": len(ticks),
            "max_in_one_second": busiest(ticks),
            "max_answered_in_one_second": busiest(passed),
            "seconds": round(max(ticks) - min(ticks), 3) if ticks else 0.0,
            "by_operation": dict(Counter(str(entry.operation) for entry in self.entries)),
            "by_status": dict(Counter(str(entry.status) for entry in self.entries)),
            "remarks": dict(Counter(remark for entry in self.entries for remark in entry.remarks)),
        }


def fingerprint(key: str) -> str:
    """Return enough of a key to distinguish two, and too little to use one."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def shorten(value: Any, name: str = "") -> Any:
    if name in SECRET:
        return "***"
    if isinstance(value, Mapping):
        return {key: shorten(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [shorten(each) for each in value[:MAX_LOGGED_ITEMS]] + (
            [f"... {len(value)} in all"] if len(value) > MAX_LOGGED_ITEMS else []
        )
    return value


def _mask(name: str, values: list[str]) -> list[str]:
    return ["***"] * len(values) if name in SECRET else values
