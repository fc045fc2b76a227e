"""Report errors to Sentry. An event holds only allowed fields, never bodies, headers, users or local variables.

The SDK weighs more than twenty megabytes in each process, so it is loaded where there is a DSN.
"""

import sys
from importlib import import_module
from typing import Any

import structlog

from bridge.config.settings import Sentry
from bridge.observability.log_scrubbing import scrub, scrub_text
from bridge.observability.logs import for_people

#: What a Sentry event may carry beside its stack.
SENTRY_TAGS = frozenset({"rule", "run", "effect", "event", "source", "task", "account", "operation", "process"})
#: What a span of a Sentry trace may carry beside its description.
SPAN_FIELDS = frozenset(
    {"trace_id", "span_id", "parent_span_id", "op", "origin", "start_timestamp", "timestamp", "status"}
)
#: Entries of beat that run more often than Sentry can watch; `pulse` stands for all of them.
TOO_QUICK = ["tick", "sweep", "notices"]


def set_up_sentry(sentry: Sentry, *, process: str, environment: str, release: str, **options: Any) -> None:
    """Set Sentry up; without a DSN it stays off. Bodies, headers, cookies, local variables and users are never sent."""
    if not sentry.dsn:
        return
    sentry_sdk = import_module("sentry_sdk")
    celery, flask = (import_module(f"sentry_sdk.integrations.{name}") for name in ("celery", "flask"))
    sentry_sdk.init(
        dsn=sentry.dsn,
        sample_rate=sentry.sample_rate,
        environment=environment,
        release=release,
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        max_breadcrumbs=20,
        traces_sample_rate=sentry.traces_sample_rate,
        integrations=[
            celery.CeleryIntegration(monitor_beat_tasks=True, exclude_beat_tasks=TOO_QUICK),
            flask.FlaskIntegration(),
        ],
        before_send=before_send,
        before_send_transaction=before_send_transaction,
        before_breadcrumb=before_breadcrumb,
        **options,
    )
    sentry_sdk.set_tag("process", process)


def before_send(event: Any, _hint: Any) -> Any:
    """Keep the stack, the allowed tags and the bare path; drop everything that could hold personal data or a secret."""
    event.pop("user", None)
    event.pop("extra", None)
    request = event.pop("request", None) or {}
    if request:
        event["request"] = {
            "method": request.get("method"),
            "url": scrub_text(str(request.get("url", "")).partition("?")[0]),
        }
    event["tags"] = {key: scrub(value) for key, value in dict(event.get("tags") or {}).items() if key in SENTRY_TAGS}
    if event.get("transaction"):  # an address, where no route has it
        event["transaction"] = scrub_text(str(event["transaction"]).partition("?")[0])
    event["contexts"] = {
        key: {name: scrub(inner) for name, inner in value.items() if name != "data"}
        for key, value in (event.get("contexts") or {}).items()
        if key in {"runtime", "trace", "monitor"}
    }
    for exception in (event.get("exception") or {}).get("values", []):
        exception["value"] = scrub_text(str(exception.get("value", "")))
    if "logentry" in event:
        event["logentry"] = {"message": scrub_text(str(event["logentry"].get("message", "")))}
    if "message" in event:
        event["message"] = scrub_text(str(event["message"]))
    return event


def before_send_transaction(event: Any, hint: Any) -> Any:
    """Keep names and times of a trace; clean the descriptions of spans, which may hold addresses and tokens."""
    event = before_send(event, hint)
    event["spans"] = [
        {key: value for key, value in span.items() if key in SPAN_FIELDS}
        | {"description": scrub_text(str(span.get("description") or "").partition("?")[0])}
        for span in event.get("spans", [])
    ]
    return event


def before_breadcrumb(crumb: Any, _hint: Any) -> Any:
    """Keep the category and a cleaned message of breadcrumbs; drop their data, which may hold URLs and SQL."""
    return {
        "category": crumb.get("category"),
        "level": crumb.get("level"),
        "timestamp": crumb.get("timestamp"),
        "type": crumb.get("type"),
        "message": scrub_text(str(crumb.get("message") or "")),
    }


def begin(process: str, task: str) -> None:
    """Begin a new piece of work: clear the fields of the previous one from the logs and Sentry."""
    structlog.contextvars.clear_contextvars()
    if not for_people():
        structlog.contextvars.bind_contextvars(process=process, task=task)
    _set_tag("task", task)


def tag(**ids: Any) -> None:
    """Add ids to the logs and to Sentry for the rest of this piece of work."""
    structlog.contextvars.bind_contextvars(**ids)
    for name, value in ids.items():
        _set_tag(name, str(value))


def _set_tag(name: str, value: str) -> None:
    """Set a tag for the next report to Sentry; does nothing if Sentry is not set up."""
    if (sdk := sys.modules.get("sentry_sdk")) is not None:
        sdk.set_tag(name, value)
