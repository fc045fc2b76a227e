"""Every metric of the service in one table; `docs/reference/metrics.md` is made from it."""

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

DOOR = Counter("bridge_webhooks_total", "Requests to the door, by source and answer.", ["source", "status"])
DOOR_SECONDS = Histogram("bridge_webhook_seconds", "From the request to its answer, seconds.", buckets=FAST)
DRAIN_SECONDS = Histogram("bridge_drain_seconds", "One batch of events: decide and record, seconds.", buckets=FAST)
EVENT_TO_CALL = Histogram("bridge_event_to_call_seconds", "From an event's receipt to its call, seconds.", buckets=FAST)
RUNS = Counter("bridge_runs_total", "Evaluations, by rule and outcome of the plan.", ["rule", "outcome"])
VERDICTS = Counter("bridge_verdicts_total", "Verdicts, by rule and answer.", ["rule", "answer"])
EFFECTS = Counter("bridge_effects_ended_total", "Effects that reached an end, by verb and state.", ["verb", "state"])
CALLS = Counter("bridge_calls_total", "Requests to Integr8, by operation and outcome.", ["operation", "outcome"])
CALL_SECONDS = Histogram("bridge_call_seconds", "One request to Integr8, seconds.", ["operation"], buckets=FAST)

# Set from the database when /metrics is read, so that every process tells the same story.
EVENTS_WAITING = Gauge("bridge_events", "Events in the journal, by state.", ["state"])
EFFECTS_OPEN = Gauge("bridge_effects", "Effects in the ledger, by state.", ["state"])
PLANS_WAITING = Gauge("bridge_plans_waiting", "Plans that wait for a person.")
HOLDS_ACTIVE = Gauge("bridge_holds_active", "Targets that rules keep paused.")
HALTED = Gauge("bridge_halted", "1 while the global halt is on.")
FEED_AGE = Gauge("bridge_feed_age_seconds", "How old the newest complete data of a feed is.", ["feed"])
HEARTBEAT_AGE = Gauge("bridge_heartbeat_age_seconds", "When a part of the service was last seen.", ["part"])
RULES_BROKEN = Gauge("bridge_rules_broken", "Rules whose newest text is refused; the last good one is live.")

TABLE = (
    DOOR, DOOR_SECONDS, DRAIN_SECONDS, EVENT_TO_CALL, RUNS, VERDICTS, EFFECTS, CALLS, CALL_SECONDS,
    EVENTS_WAITING, EFFECTS_OPEN, PLANS_WAITING, HOLDS_ACTIVE, HALTED, FEED_AGE, HEARTBEAT_AGE, RULES_BROKEN,
)  # fmt: skip
REGISTERED = REGISTRY
