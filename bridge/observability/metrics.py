"""Metrics that the service counts itself. `bridge.web.gauges` has those that are read from the database.

Both together are the table of `docs/reference/metrics.md`; `bridge.observability.metrics_server` serves them.
"""

from prometheus_client import Counter, Histogram, values

from bridge.observability import multiprocess

if multiprocess.place() is not None:  # the library names a process by its number
    values.ValueClass = values.MultiProcessValue(multiprocess.name)  # type: ignore[no-untyped-call]

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

WEBHOOKS = Counter(
    "bridge_webhooks_total", "Requests to the webhook endpoint, by source and answer.", ["source", "status"]
)
WEBHOOKS_REFUSED = Counter(
    "bridge_webhooks_refused_total",
    "Requests to /hooks/ that did not become an event, by source and reason: wrong, missing, too_large, broken, head, "
    "... No metric counts invalid requests that the HTTP server refuses (400, 414, 431): count them at the proxy.",
    ["source", "reason"],
)
WEBHOOK_FAULTS = Counter(
    "bridge_webhook_faults_total", "Values of accepted events that were dropped because they were wrong.", ["source"]
)
WEBHOOK_SECONDS = Histogram("bridge_webhook_seconds", "Time from a webhook to its answer, in seconds.", buckets=FAST)
EVENT_BATCH_SECONDS = Histogram(
    "bridge_event_batch_seconds", "Time to decide and record one batch of events, in seconds.", buckets=FAST
)
EVENT_TO_CALL = Histogram(
    "bridge_event_to_call_seconds",
    "Time from the receipt of an event to the first call to Integr8 for it, without effects that needed "
    "approval, in seconds.",
    buckets=FAST,
)
RUNS = Counter("bridge_runs_total", "Evaluations, by rule and outcome of the plan.", ["rule", "outcome"])
VERDICTS = Counter("bridge_verdicts_total", "Verdicts, by rule and answer.", ["rule", "answer"])
ANSWER_BYTES = Counter("bridge_answer_bytes_total", "Bytes that runs stored about their answers, by rule.", ["rule"])
EFFECTS = Counter("bridge_effects_ended_total", "Finished attempts at effects, by verb and outcome.", ["verb", "state"])
CALLS = Counter(
    "bridge_calls_total",
    "Requests to Integr8, including retries and reports, by account, operation and outcome.",
    ["account", "operation", "outcome"],
)
CALL_SECONDS = Histogram(
    "bridge_call_seconds", "Time of one request to Integr8, in seconds.", ["operation"], buckets=FAST
)
NOTICES = Counter("bridge_notice_deliveries_total", "Messages sent to a channel, by answer.", ["channel", "result"])
ITEM_FAILURES = Counter(
    "bridge_item_failures_total",
    "Failures of a single rule, feed, plan, hold, channel or other item, by kind and step.",
    ["kind", "step"],
)
BUDGET_WAIT = Histogram(
    "bridge_budget_wait_seconds",
    "Time that a request waited for its slot of the rate budget, in seconds.",
    ["account"],
    buckets=FAST,
)

COUNTED = (
    WEBHOOKS, WEBHOOKS_REFUSED, WEBHOOK_FAULTS,
    WEBHOOK_SECONDS, EVENT_BATCH_SECONDS, EVENT_TO_CALL, RUNS, VERDICTS, ANSWER_BYTES, EFFECTS, CALLS, CALL_SECONDS,
    BUDGET_WAIT, NOTICES, ITEM_FAILURES,
)  # fmt: skip
