"""Trace from a webhook to the call that it causes. Spans are sent with `integr8-bridge[otel]`.

Off unless a standard OTEL_ variable names a place to send spans to; then OpenTelemetry's SDK is not imported, and its
API makes no span. The context travels in our own rows, never in Celery's messages: those carry ids only and may be
lost or doubled. Spans carry ids, names and outcomes: no body, no header, no address of a person.
"""

import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NoOpTracerProvider, Span, SpanContext, Status, StatusCode, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

log = structlog.get_logger()

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
HEADER = "traceparent"
ATTRIBUTE_PREFIX = "bridge."
W3C = TraceContextTextMapPropagator()
OFF = NoOpTracerProvider()
NO_SPAN: AbstractContextManager[Span] = nullcontext(trace.INVALID_SPAN)  # may be entered any number of times

_provider: TracerProvider = OFF  # of this process


def wanted() -> bool:
    """Return whether the environment asks for traces."""
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(os.environ.get(name) for name in ENDPOINTS)


def set_up(process: str, release: str) -> None:
    """Start tracing in this process, if it is wanted. Call it after a fork, never before."""
    use(OFF)
    if not wanted():
        return
    try:
        use(importlib.import_module("bridge.observability.otel").provider(process, release))
    except ImportError as error:
        log.warning(
            "tracing disabled",
            error=f"{error}; pip install 'integr8-bridge[otel]', or unset OTEL_EXPORTER_OTLP_ENDPOINT",
        )


def use(provider: TracerProvider) -> None:
    """Let this provider make the spans of this process. OpenTelemetry's own, global one can be set only once."""
    global _provider  # noqa: PLW0603 - one per process is the point
    _provider = provider


def on() -> bool:
    return _provider is not OFF


def span(
    name: str,
    *,
    parent: str | None = None,
    links: Sequence[str] = (),
    start: datetime | None = None,
    **attributes: Any,
) -> AbstractContextManager[Span]:
    """Trace the block: below `parent`, else below the span around it, else as the first span of a trace.

    `parent` and `links` are traceparents; invalid ones are ignored.
    """
    return _span(name, parent, links, start, attributes) if on() else NO_SPAN


@contextmanager
def _span(
    name: str, parent: str | None, links: Sequence[str], start: datetime | None, attributes: Mapping[str, Any]
) -> Iterator[Span]:
    begun = _provider.get_tracer("integr8-bridge").start_span(
        name,
        context=_context(parent) if parent else None,
        links=[Link(found) for found in map(_span_context, links) if found.is_valid],
        start_time=int(start.timestamp() * 1e9) if start else None,
    )
    note(begun, **attributes)
    with trace.use_span(begun, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield begun
        except Exception as error:
            begun.set_status(Status(StatusCode.ERROR, type(error).__name__))  # its text may name a person
            raise


def note(span: Span, **attributes: Any) -> None:
    """Add attributes that were not known at the beginning."""
    if span is trace.INVALID_SPAN:
        return
    for name, value in attributes.items():
        if value is not None:
            span.set_attribute(ATTRIBUTE_PREFIX + name, value)


def traceparent(span: Span) -> str | None:
    """Return the id of a span for whoever continues it; None while tracing is off."""
    if not on():
        return None
    carrier: dict[str, str] = {}
    W3C.inject(carrier, trace.set_span_in_context(span, Context()))
    return carrier.get(HEADER)


def _context(traceparent: str) -> Context:
    return W3C.extract({HEADER: traceparent}, Context())


def _span_context(traceparent: str) -> SpanContext:
    return trace.get_current_span(_context(traceparent)).get_span_context()


def close() -> None:
    """Send the remaining spans before the process ends."""
    if on():
        _provider.shutdown()  # type: ignore[attr-defined] # only the SDK's provider has something to send
