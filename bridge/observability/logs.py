"""Logs and Sentry: what leaves the process is chosen from a list of allowed fields, not cleaned of bad ones."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from hashlib import sha256
from typing import Any

import sentry_sdk
import structlog
from sentry_sdk.integrations.celery import CeleryIntegration
from sentry_sdk.integrations.flask import FlaskIntegration

from bridge.config.settings import Sentry

EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
TOKEN_IN_URL = re.compile(r"(?i)([?&](?:token|secure|secret|key|api_key|password|signature|code|state)=)[^&\s\"']+")
HOOK_TOKEN = re.compile(r"(/hooks/[^/\s?]+/)[^/\s?]+")
HEADER_VALUE = re.compile(r"(?i)\b(api-key|authorization|x-[a-z-]*signature[a-z0-9-]*)(['\"]?\s*[:=]\s*)\S+")
#: Names whose value is never shown, wherever they turn up in a log call.
SECRET_NAME = re.compile(r"(?i)passw|secret|token|api.?key|authorization|cookie|^body$|^headers$")
#: What a Sentry event may carry beside its stack.
SENTRY_TAGS = frozenset({"rule", "run", "effect", "event", "source", "task", "account", "operation", "process"})
#: What a span of a Sentry trace may carry beside its description.
SPAN_FIELDS = frozenset(
    {"trace_id", "span_id", "parent_span_id", "op", "origin", "start_timestamp", "timestamp", "status"}
)
#: Entries of beat that run more often than Sentry can watch; `pulse` stands for all of them.
TOO_QUICK = ["tick", "sweep", "notices"]


def scrub_text(text: str) -> str:
    """The same text with e-mail addresses hashed and credentials gone.

    Most texts have none of the characters that each of them needs: looking for those first is ten times as fast.
    """
    if "@" in text:
        text = EMAIL.sub(lambda found: f"email:{sha256(found[0].lower().encode()).hexdigest()[:10]}", text)
    if "=" in text:
        text = TOKEN_IN_URL.sub(r"\1[hidden]", text)
    if "/hooks/" in text:
        text = HOOK_TOKEN.sub(r"\1[hidden]", text)
    if ":" in text or "=" in text:
        text = HEADER_VALUE.sub(r"\1\2[hidden]", text)
    return text


def scrub(value: Any, name: str = "") -> Any:
    """Walk a log field: hide what a secret's name announces, clean every text."""
    if name and SECRET_NAME.search(name):
        return "[hidden]"
    if isinstance(value, Mapping):
        return {key: scrub(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [scrub(item) for item in value]
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, BaseException):
        return scrub_text(str(value))
    return value


def _scrub_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in list(event):
        event[key] = scrub(event[key], key)
    return event


def set_up_logs(
    style: str = "console", *, process: str, level: int = logging.INFO, colours: bool | None = None
) -> None:
    """One line per event, for people (`console`) or programs (`json`). The stream is standard error.

    For people the moment is short and the process is left out: whoever shows several of them marks their lines.
    """
    people = style != "json"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if people else "iso", utc=True),
        structlog.processors.format_exc_info,
        _scrub_event,
    ]
    last: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty() if colours is None else colours, pad_event_to=22, sort_keys=False
        )
        if people
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    if not people:
        structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[_drop_meta, last], foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def _drop_meta(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(logger, method, event)


def set_up_sentry(sentry: Sentry, *, process: str, environment: str, release: str, **options: Any) -> None:
    """Off without a DSN. Bodies, headers, cookies, local variables and users never leave."""
    if not sentry.dsn:
        return
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
            CeleryIntegration(monitor_beat_tasks=True, exclude_beat_tasks=TOO_QUICK),
            FlaskIntegration(),
        ],
        before_send=before_send,
        before_send_transaction=before_send_transaction,
        before_breadcrumb=before_breadcrumb,
        **options,
    )
    sentry_sdk.set_tag("process", process)


def before_send(event: Any, _hint: Any) -> Any:
    """Keep the stack, the allowed tags and the bare path; drop everything that could carry a person or a secret."""
    event.pop("user", None)
    event.pop("extra", None)
    request = event.pop("request", None) or {}
    if request:
        event["request"] = {
            "method": request.get("method"),
            "url": scrub_text(str(request.get("url", "")).partition("?")[0]),
        }
    event["tags"] = {key: value for key, value in dict(event.get("tags") or {}).items() if key in SENTRY_TAGS}
    event["contexts"] = {
        key: {name: inner for name, inner in value.items() if name != "data"}
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
    """A trace keeps names and times; what its spans were about may hold addresses and tokens, so it is cleaned."""
    event = before_send(event, hint)
    event["spans"] = [
        {key: value for key, value in span.items() if key in SPAN_FIELDS}
        | {"description": scrub_text(str(span.get("description") or "").partition("?")[0])}
        for span in event.get("spans", [])
    ]
    return event


def before_breadcrumb(crumb: Any, _hint: Any) -> Any:
    """Breadcrumbs keep their category and a cleaned message; their data may hold URLs and SQL, so it goes."""
    return {
        "category": crumb.get("category"),
        "level": crumb.get("level"),
        "timestamp": crumb.get("timestamp"),
        "type": crumb.get("type"),
        "message": scrub_text(str(crumb.get("message") or "")),
    }


def begin(process: str, task: str) -> None:
    """A new piece of work: what was on the logs and on Sentry for the one before is gone."""
    structlog.contextvars.clear_contextvars()
    if not _for_people():
        structlog.contextvars.bind_contextvars(process=process, task=task)
    sentry_sdk.set_tag("task", task)


def _for_people() -> bool:
    last = structlog.get_config()["processors"][-1]
    return isinstance(last, structlog.dev.ConsoleRenderer)


def tag(**ids: Any) -> None:
    """Put ids on the logs and on Sentry for the rest of this piece of work."""
    structlog.contextvars.bind_contextvars(**ids)
    for name, value in ids.items():
        sentry_sdk.set_tag(name, str(value))
