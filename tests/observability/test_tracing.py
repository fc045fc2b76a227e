"""One trace from the webhook to the call at Integr8, over rows and over processes."""

import subprocess
import sys
import time

import pytest
from forked import ForkingSupervisor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from rule_texts import onboarding_rule

from bridge.cli.local import demo
from bridge.observability import otel, tracing
from tests.receiver import receiver  # noqa: F401 - a fixture

OUTSIDE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CHAIN = ["webhook", "run", "effects", "call"]


@pytest.fixture
def spans():
    """Everything that was traced, in memory."""
    exporter = InMemorySpanExporter()
    tracing.use(otel.provider("test", "0", SimpleSpanProcessor(exporter)))
    yield exporter.get_finished_spans
    tracing.close()
    tracing.use(tracing.OFF)


@pytest.fixture
def onboarded(network, spans):
    """A publisher made because of one webhook."""
    network.rule(onboarding_rule(email="{{ body.email }}"))
    assert network.crm({"id": "1", "go": True, "email": "ann@example.com"}).status_code == 202
    network.work()
    return network


def knock(network, traceparent):
    token = network.services.settings.sources["crm"]["token"]
    headers = {"authorization": f"Bearer {token}", "traceparent": traceparent}
    return network.webhooks.post("/hooks/crm", json={"id": "1"}, headers=headers)


def above(span, known):
    """The kinds of a span and of those above it, the outermost first."""
    by_id = {one.context.span_id: one for one in known}
    found = [span.name.split()[0]]
    while span.parent is not None and span.parent.span_id in by_id:
        span = by_id[span.parent.span_id]
        found.insert(0, span.name.split()[0])
    return found


def test_the_call_stands_below_effects_run_and_webhook_in_one_trace(onboarded, spans):
    [call] = [one for one in spans() if one.name == "call publishers.create"]
    assert above(call, spans()) == CHAIN
    assert len({one.context.trace_id for one in spans()}) == 1


def test_a_trace_of_the_sender_goes_on_in_ours(network, spans):
    knock(network, OUTSIDE)
    [webhook] = spans()
    assert f"{webhook.context.trace_id:032x}" == OUTSIDE.split("-")[1]


@pytest.mark.parametrize("header", ["", "nonsense", "00-0-0-01", "x" * 5000])
def test_a_header_that_is_no_trace_is_passed_over(network, spans, header):
    assert knock(network, header).status_code == 202


def test_spans_name_ids_and_outcomes_but_no_person(onboarded, spans):
    told = repr([(one.name, dict(one.attributes), [dict(event.attributes) for event in one.events]) for one in spans()])
    assert "onboarding" in told
    assert "ann@example.com" not in told
    assert onboarded.services.settings.sources["crm"]["token"] not in told


def test_a_call_that_fails_says_so_without_its_text(network, spans):
    network.world.faults.add({"kind": "status", "status": 403, "operation": "publishers.create"})
    network.rule(onboarding_rule(email="{{ body.email }}"))
    network.crm({"id": "1", "go": True, "email": "ann@example.com"})
    network.work()
    [call] = [one for one in spans() if one.name == "call publishers.create"]
    assert (call.status.description, call.events) == ("Forbidden", ())


def test_effects_of_many_runs_in_one_call_are_linked_to_all_of_them(network, spans):
    for number in range(3):
        network.world.offer(f"Offer {number}", active=True)
    network.work()
    network.rule(
        """
schema: 1
id: stop
mode: live
trigger: {webhook: {source: crm}}
when: {all: [body.stop = true]}
then:
  - pause: offer
    which: "{{ body.offer }}"
"""
    )
    for offer in network.world.directory.offers.living():
        network.crm({"id": str(offer.view()["id"]), "stop": True, "offer": offer.view()["id"]})
    network.work()
    [batch] = [one for one in spans() if one.name == "effects pause"]
    assert len(batch.links) == 2


def test_without_the_variables_no_tracer_is_imported():
    """redis-py looks for metrics of OpenTelemetry by itself where it is installed; that much is not ours."""
    program = """
import sys
import bridge.web.app, tasks.worker
from bridge.observability import tracing
tracing.set_up("web", "0")
with tracing.span("x") as span:
    assert tracing.traceparent(span) is None
ours = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "bridge.observability.otel")
print([name for name in sys.modules if name.startswith(ours)])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=240)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("values", "on"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_the_standard_variables_decide(monkeypatch, values, on):
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert tracing.wanted() is on


# --- real processes --------------------------------------------------------------------------------


def received(collector):
    """The spans that a collector has got so far, with the process that sent each."""
    found = []
    for request in collector.requests:
        for each in ExportTraceServiceRequest.FromString(request.body).resource_spans:
            process = {one.key: one.value.string_value for one in each.resource.attributes}["bridge.process"]
            found += [(process, span) for scope in each.scope_spans for span in scope.spans]
    return found


def chain_of(spans):
    """(process, kind) from the outermost span down to the call that made the publisher."""
    by_id = {span.span_id: (process, span) for process, span in spans}
    here = next((one for one in spans if one[1].name == "call publishers.create"), None)
    found = []
    while here is not None:
        process, span = here
        found.insert(0, (process, span.name.split()[0]))
        here = by_id.get(span.parent_span_id)
    return found


@pytest.mark.slow
@pytest.mark.journey
def test_a_collector_gets_one_trace_from_web_and_worker_and_no_secret(tmp_path, receiver, monkeypatch):  # noqa: F811
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
    boss = ForkingSupervisor(log=False)
    try:
        stage = demo.set_up(boss, tmp_path / "home")
        demo.send(stage, lambda _text: None)
        until = time.monotonic() + demo.DEMO_TIMEOUT
        while len(chain_of(received(receiver))) < len(CHAIN) and time.monotonic() < until:
            time.sleep(0.2)
        assert chain_of(received(receiver)) == list(zip(["web", "worker", "effects", "effects"], CHAIN, strict=True))
        sent = b"".join(one.body for one in receiver.requests)
        secrets = [demo.EMAIL, demo.API_KEY, stage.secret, stage.token]
        assert [one for one in secrets if one.encode() in sent] == []
    finally:
        boss.stop()
