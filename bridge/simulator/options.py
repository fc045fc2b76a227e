"""Switches for what is unknown about the real Integr8, or differs between tests. They may change while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from bridge.simulator.errors import SHAPES, bad

CHOICES: Mapping[str, tuple[Any, ...]] = {
    "error_shape": SHAPES,
    "retry_after": ("seconds", "date", "none"),
    "paused_traffic": ("fallback", "rejected"),
    "bulk_unknown": ("ignore", "refuse"),
    "report_ids": ("incremental", "key"),
    "create_status": (200, 201),
    "exports_refused_status": (402, 429),
}


@dataclass(frozen=True, slots=True)
class Options:
    strict: bool = False  # only canonical routes; unknown body fields and `sort` on reports are refused
    default_page_size: int = 25  # not stated anywhere; lists only, reports require page[size]
    create_status: int = 200  # the reference lists 200, a sibling product answers 201
    error_shape: str = "error"
    rate_per_second: int = 0  # sliding window over real time; 0 is no limit
    retry_after: str = "none"  # no such header is documented
    exports_per_day: int = 10
    exports_refused_status: int = 402
    export_pending_seconds: float = 0.5
    export_running_seconds: float = 1.0
    link_seconds: float = 300.0
    inflate_exports: int = 0  # repeat rows until a file has this many: big files without big tables
    paused_traffic: str = "fallback"  # clicks on something paused leave no row, or a rejected one
    bulk_unknown: str = "ignore"  # a bulk call answers {} although some ids do not exist, or 404
    report_ids: str = "incremental"  # which of the two ids stands in report rows and postbacks
    arrivals_per_page: int = 0  # rows that arrive after each report page has been answered
    minimum_delay: float = 120.0  # seconds; a postback delay is zero or at least this
    postback_loss: float = 0.0  # share of postbacks that never leave and leave no trace, as outages do
    postback_repeat: float = 0.0  # share that is sent a second time
    latency: float = 0.0  # seconds of sleep before every API answer

    def changed(self, requested: Mapping[str, Any]) -> "Options":
        known = {field.name: field.type for field in fields(self)}
        for name, value in requested.items():
            if name not in known:
                raise bad(name, f"unknown setting; known are {', '.join(sorted(known))}")
            _check(name, value, getattr(self, name))
        return replace(self, **{name: _like(value, getattr(self, name)) for name, value in requested.items()})


def _check(name: str, value: Any, present: Any) -> None:
    if name in CHOICES and value not in CHOICES[name]:
        raise bad(name, f"must be one of {', '.join(map(str, CHOICES[name]))}")
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = number if isinstance(present, float) else type(value) is type(present)
    if not fits or (number and value < 0):
        raise bad(name, f"must be a {type(present).__name__}, zero or more")


def _like(value: Any, present: Any) -> Any:
    return float(value) if isinstance(present, float) else value
