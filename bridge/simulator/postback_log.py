"""The log of postbacks: the columns that Integr8's own log page shows (facts, section 3.5)."""

from collections.abc import Iterator
from typing import Any, Final

from bridge.simulator.clock import moment
from bridge.simulator.columns import TIME_FORMAT

COLUMNS: Final = (
    "success_status",
    "postback_name",
    "postback_type",
    "offer_id",
    "publisher",
    "event_id",
    "transaction_id",
    "response_code",
    "url",
    "error",
    "server_response",
    "firing_time",
)


class PostbackLog:
    def __init__(self) -> None:
        self._lines: list[tuple[int, dict[str, Any]]] = []

    def add(self, at: int, line: dict[str, Any]) -> None:
        self._lines.append((at, {**line, "firing_time": moment(at).strftime(TIME_FORMAT)}))

    def between(self, start: int, end: int) -> Iterator[dict[str, Any]]:
        return (line for at, line in self._lines if start <= at <= end)

    def all(self) -> list[dict[str, Any]]:
        return [line for _, line in self._lines]

    def clear(self) -> None:
        self._lines.clear()
