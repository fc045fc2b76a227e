"""Metrics that the service counts itself. `bridge.web.gauges` has those that are read from the database.

Both together are the table of `docs/reference/metrics.md`; `bridge.observability.metrics_server` serves them.
"""

from prometheus_client import Counter, Histogram

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

WEBHOOKS = Counter(
    "bridge_webhooks_total", "Requests to the webhook endpoint, by source and answer.", ["source", "status"]
)
WEBHOOKS_REFUSED = Counter(
    "bridge_webhooks_refused_total",
    "Requests to /hooks/ that became no event, by source and reason: wrong, missing, too_large, broken, head, ... What "
    "the HTTP server refuses before it is a request (400, 414, 431) is in no metric of ours: count it at the proxy.",
    ["source", "reason"],
)
WEBHOOK_FAULTS = Counter(
    "bridge_webhook_faults_total", "Values of accepted events that were dropped because they were wrong.", ["source"]
)
WEBHOOK_SECONDS = Histogram("bridge_webhook_seconds", "From the request to its answer, seconds.", buckets=FAST)
EVENT_BATCH_SECONDS = Histogram(
    "bridge_event_batch_seconds", "One batch of events: decide and record, seconds.", buckets=FAST
)
EVENT_TO_CALL = Histogram(
    "bridge_event_to_call_seconds",
    "From an event's receipt to the first call to Integr8 for an effect of it that waited for no person, seconds.",
    buckets=FAST,
)
RUNS = Counter("bridge_runs_total", "Evaluations, by rule and outcome of the plan.", ["rule", "outcome"])
VERDICTS = Counter("bridge_verdicts_total", "Verdicts, by rule and answer.", ["rule", "answer"])
ANSWER_BYTES = Counter(
    "bridge_answer_bytes_total", "Bytes that runs wrote down about their answers, by rule.", ["rule"]
)
EFFECTS = Counter(
    "bridge_effects_ended_total", "Attempts at effects that came to an end, by verb and outcome.", ["verb", "state"]
)
CALLS = Counter(
    "bridge_calls_total",
    "Requests to Integr8, repetitions and reports included, by account, operation and outcome.",
    ["account", "operation", "outcome"],
)
CALL_SECONDS = Histogram("bridge_call_seconds", "One request to Integr8, seconds.", ["operation"], buckets=FAST)
NOTICES = Counter("bridge_notice_deliveries_total", "Messages given to a channel, by answer.", ["channel", "result"])
ITEM_FAILURES = Counter(
    "bridge_item_failures_total",
    "Rules, feeds, plans, holds, channels and others that failed by themselves, by kind and step.",
    ["kind", "step"],
)
BUDGET_WAIT = Histogram(
    "bridge_budget_wait_seconds",
    "What a request waited for its slot of the rate budget, seconds.",
    ["account"],
    buckets=FAST,
)

COUNTED = (
    WEBHOOKS, WEBHOOKS_REFUSED, WEBHOOK_FAULTS,
    WEBHOOK_SECONDS, EVENT_BATCH_SECONDS, EVENT_TO_CALL, RUNS, VERDICTS, ANSWER_BYTES, EFFECTS, CALLS, CALL_SECONDS,
    BUDGET_WAIT, NOTICES, ITEM_FAILURES,
)  # fmt: skip
