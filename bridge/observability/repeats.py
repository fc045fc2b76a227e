"""Log a repeating fault at growing intervals with a count: a full Redis wrote 82,000 lines in six minutes.

Two lines are about the same fault when event and error agree, numbers aside. What has no error is always written. A
traceback stands with the first line only.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import structlog

FIRST, LONGEST = 1.0, 300.0  # s between two lines about one fault; doubles with each line
MAX_FAULTS = 500  # remembered at once; beyond that every line is written
LEVELS = frozenset({"warning", "error", "critical"})
BROKER = frozenset({"redis", "kombu"})  # whose errors say that Redis cannot be used
NUMBERS = re.compile(r"0x[0-9a-f]+|[0-9]+")


@dataclass(slots=True)
class _Fault:
    written: float
    interval: float
    kept_back: int = 0


class Repeats:
    """Decides for each line whether it is written. Threads may share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._faults: dict[tuple[str, ...], _Fault] = {}
        self._lock = threading.Lock()

    def seen(self, *about: object) -> int | None:
        """Return how many lines about the same fault were suppressed since the last one.

        None: suppress this one too.
        """
        key = tuple(NUMBERS.sub("0", str(part))[:300] for part in about)
        now = self._clock()
        with self._lock:
            fault = self._faults.get(key)
            if fault is None or now - fault.written > 2 * max(fault.interval, FIRST) + LONGEST:
                self._forget(now)
                if len(self._faults) < MAX_FAULTS:
                    self._faults[key] = _Fault(now, FIRST)
                return fault.kept_back if fault else 0
            if now - fault.written < fault.interval:
                fault.kept_back += 1
                return None
            kept_back, fault.kept_back = fault.kept_back, 0
            fault.written, fault.interval = now, min(LONGEST, fault.interval * 2)
            return kept_back

    def _forget(self, now: float) -> None:
        old = [key for key, fault in self._faults.items() if now - fault.written > 2 * LONGEST]
        for key in old:
            del self._faults[key]


class Processor:
    """For structlog: drops lines about a fault that was just written, and adds `repeated` to the next one."""

    def __init__(self, repeats: Repeats) -> None:
        self._repeats = repeats

    def __call__(self, _logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        error = event.get("error") or event.get("problem")
        if method not in LEVELS or not error:
            return event
        kept_back = self._repeats.seen(event.get("event"), error)
        if kept_back is None:
            raise structlog.DropEvent
        if kept_back:
            event["repeated"] = kept_back
            event.pop("exc_info", None)
        return event


class Filter(logging.Filter):
    """The same for libraries that use the standard logging module."""

    def __init__(self, repeats: Repeats) -> None:
        super().__init__()
        self._repeats = repeats

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        message = _one_line(record)
        kept_back = self._repeats.seen(record.name, message)
        if kept_back:
            message = f"{message} (repeated {kept_back} times)"
        if kept_back or _is_of_the_broker(record.exc_info):
            record.exc_info = record.exc_text = record.stack_info = None
        record.msg, record.args = message, ()
        return kept_back is not None


def _one_line(record: logging.LogRecord) -> str:
    """Return the message without the stack that Celery's beat appends as a list."""
    message = record.getMessage()
    return message.partition("\n")[0] if record.name.startswith("celery.beat") else message


def _is_of_the_broker(found: Any) -> bool:
    """Return whether Redis is down or full: the place in the libraries helps nobody, and takes 130 lines."""
    error = found[1] if isinstance(found, tuple) else None
    while error is not None:
        if type(error).__module__.partition(".")[0] in BROKER:
            return True
        error = error.__cause__ or error.__context__
    return False
