"""Trace from a webhook to the call that it causes. Needs `integr8-bridge[otel]`.

Off unless a standard OTEL_ variable names a place to send spans to; then nothing of OpenTelemetry is imported. The
context travels in our own rows, never in Celery's messages: those carry ids only and may be lost or doubled. Spans
carry ids, names and outcomes: no body, no header, no address of a person.
"""

import importlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol

import structlog

log = structlog.get_logger()

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class Span(Protocol):
    """What is being done. `traceparent` names it to whoever goes on with it; None while traces are off."""

    @property
    def traceparent(self) -> str | None: ...

    def note(self, **attributes: Any) -> None:
        """Add what was not known at the beginning."""


class Tracer(Protocol):
    """Makes spans. `parent` and `links` are traceparents; what is none of them is passed over."""

    def begin(
        self, name: str, parent: str | None, links: Sequence[str], start: datetime | None, attributes: dict[str, Any]
    ) -> Any:
        """A context manager that gives a Span."""

    def close(self) -> None:
        """Send what is left."""


class Nothing:
    """The span of those who want no traces."""

    traceparent: str | None = None

    def note(self, **attributes: Any) -> None:
        """Forget it."""


NOTHING = Nothing()
_tracers: list[Tracer] = []  # of this process: one, or none


def wanted() -> bool:
    """Whether the environment asks for traces."""
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(os.environ.get(name) for name in ENDPOINTS)


def set_up(process: str, release: str) -> None:
    """Begin to trace in this process, where that is wanted. After a fork, never before."""
    _tracers.clear()
    if not wanted():
        return
    try:
        made: Tracer = importlib.import_module("bridge.observability.otel").make(process, release)
    except ImportError as error:
        log.warning(
            "no traces", error=f"{error}; pip install 'integr8-bridge[otel]', or unset OTEL_EXPORTER_OTLP_ENDPOINT"
        )
        return
    _tracers.append(made)


def on() -> bool:
    return bool(_tracers)


@contextmanager
def span(
    name: str,
    *,
    parent: str | None = None,
    links: Sequence[str] = (),
    start: datetime | None = None,
    **attributes: Any,
) -> Iterator[Span]:
    """Trace what happens in the block: below `parent`, else below the span around it, else as the first of a trace."""
    if not _tracers:
        yield NOTHING
        return
    with _tracers[0].begin(name, parent, links, start, attributes) as begun:
        yield begun


def close() -> None:
    """Send what is left, before the process ends."""
    for one in _tracers:
        one.close()
