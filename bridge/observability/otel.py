"""The tracer of `integr8-bridge[otel]`: spans over OTLP/HTTP.

`bridge.observability.tracing` imports it only where it is wanted.

Where to, how much and with which headers is said by the standard variables: OTEL_EXPORTER_OTLP_ENDPOINT,
OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME and the others.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

HEADER = "traceparent"
PREFIX = "bridge."
W3C = TraceContextTextMapPropagator()


class OtelSpan:
    """One span under way."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        W3C.inject(carrier, trace.set_span_in_context(self._span, Context()))
        return carrier.get(HEADER)

    def note(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            if value is not None:
                self._span.set_attribute(PREFIX + name, value)


class OtelTracer:
    """Spans of one process."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("integr8-bridge")

    @contextmanager
    def begin(
        self, name: str, parent: str | None, links: Sequence[str], start: datetime | None, attributes: dict[str, Any]
    ) -> Iterator[OtelSpan]:
        made = self._tracer.start_span(
            name,
            context=W3C.extract({HEADER: parent}, Context()) if parent else None,
            links=[Link(found) for found in map(_context, links) if found.is_valid],
            start_time=int(start.timestamp() * 1e9) if start else None,
        )
        begun = OtelSpan(made)
        begun.note(**attributes)
        with trace.use_span(made, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield begun
            except Exception as error:
                made.set_status(Status(StatusCode.ERROR, type(error).__name__))  # its text may name a person
                raise

    def close(self) -> None:
        self._provider.shutdown()


def _context(traceparent: str) -> SpanContext:
    return trace.get_current_span(W3C.extract({HEADER: traceparent}, Context())).get_span_context()


def make(process: str, release: str, processor: SpanProcessor | None = None) -> OtelTracer:
    """A tracer that sends to where the environment says, unless a processor is given."""
    name = os.environ.get("OTEL_SERVICE_NAME", "integr8-bridge")
    resource = Resource.create({"service.name": name, "service.version": release, "bridge.process": process})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
    return OtelTracer(provider)
