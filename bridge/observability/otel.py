"""Send spans over OTLP/HTTP with `integr8-bridge[otel]`. `bridge.observability.tracing` imports it only where wanted.

Where to, how much and with which headers is said by the standard variables: OTEL_EXPORTER_OTLP_ENDPOINT,
OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME and the others.
"""

import os

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def provider(process: str, release: str, processor: SpanProcessor | None = None) -> TracerProvider:
    """Return a provider that sends to the address in the environment, unless a processor is given."""
    name = os.environ.get("OTEL_SERVICE_NAME", "integr8-bridge")
    resource = Resource.create({"service.name": name, "service.version": release, "bridge.process": process})
    made = TracerProvider(resource=resource)
    made.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
    return made
