"""Logs: one line per event, with secrets hidden and e-mail addresses hashed."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import structlog

from bridge.observability.repeats import Filter, Processor, Repeats

#: Also international addresses (RFC 6531), quoted local parts, addresses at a bare IP address, and an encoded at sign.
#: Written without steps back, so that a long text costs no more than its length.
NO_ATOM = r"""\s@<>()\[\]{},:;"'`=&?/\\|%"""
EMAIL = re.compile(
    rf"""(?<![^{NO_ATOM}])(?:[^{NO_ATOM}]|%(?!40)|'(?=\w)|\\?"(?:[^"\\@\r\n]|\\[^"]){{1,80}}+\\?"){{1,150}}+(?:@|%40)"""
    r"""(?:\[[0-9A-Fa-f:.]++\]|(?:[^\W_][\w-]{0,62}+\.){1,20}+[^\W\d_][\w-]*+)"""
)
#: Anything between the scheme and an at sign; a password may hold a slash, but what looks like a port is none.
IN_AUTHORITY = re.compile(
    r"""(?i)(?<![\w+.-])([a-z][a-z0-9+.-]*+://)(?:[^\s/?#"'<>]*|[^\s/?#:@]*:(?!\d+[/?#])[^\s@"'<>]*)@"""
)
#: Addresses of channels (`tgram://token/chat`) are credentials as a whole; those of servers are not.
CHANNEL = re.compile(
    r"(?i)(?<![\w+.-])((?!https?:|rediss?:|valkeys?:|postgres|sqlite|file:|unix:|wss?:|memory:)[a-z][a-z0-9+.-]*://)[^\s\"'<>]+"
)
IN_PATH = re.compile(
    r"(?i)(hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/webhooks/\d+/|/bot(?=\d+:))[^\s?\"'<>]+"
)
TOKEN_IN_URL = re.compile(
    r"(?i)([?&#;](?:[\w.-]*(?:token|secret|secure|signature|passw(?:or)?d|api[_-]?key|access[_-]?key)"
    r"|key|code|state|sig|auth|jwt)=)[^&\s\"'#]+"
)
HOOK_TOKEN = re.compile(r"(/hooks/[^/\s?]+/)[^/\s?]+")
OUR_TOKEN = re.compile(r"\b(ib_[0-9a-f]{4,}|whsec)_[A-Za-z0-9_=+/-]{8,}")
#: A credential as a header carries it, wherever it stands. `Basic` is a word of its own, so it has to look encoded.
SCHEME = re.compile(
    r"\b((?i:bearer))\s+[A-Za-z0-9._~+/=-]{6,}|\b((?i:basic))\s+(?=[A-Za-z+/]*[0-9A-Z=])[A-Za-z0-9+/]{8,}={0,2}"
)
HEADER_VALUE = re.compile(
    r"(?i)\b(api-key|(?:proxy-)?authorization|x-[a-z-]*signature[a-z0-9-]*)(['\"]?\s*[:=]\s*['\"]?)"
    r"(?:(?:bearer|basic|digest|token|apikey)\s+)?[^\s'\",}]+"
)
COOKIE = re.compile(r"(?i)\b((?:set-)?cookie)(['\"]?\s*[:=]\s*['\"]?)[^\s=;]+=[^\r\n'\"}]*")
#: Names whose value is never shown, wherever they turn up in a log call.
SECRET_NAME = re.compile(r"(?i)passw|secret|token|api.?key|authorization|cookie|^body$|^headers$")


def scrub_text(text: str) -> str:
    """The same text with e-mail addresses hashed and credentials gone.

    Most texts have none of the characters that each of them needs: looking for those first is ten times as fast.
    """
    if "://" in text:
        text = IN_AUTHORITY.sub(r"\1[hidden]@", text)
        text = CHANNEL.sub(r"\1[hidden]", text)
        text = IN_PATH.sub(r"\1[hidden]", text)
    if ":" in text or "=" in text:
        text = COOKIE.sub(r"\1\2[hidden]", text)
        text = HEADER_VALUE.sub(r"\1\2[hidden]", text)
    if " " in text:
        text = SCHEME.sub(lambda found: f"{found[1] or found[2]} [hidden]", text)
    if "_" in text:
        text = OUR_TOKEN.sub(r"\1_[hidden]", text)
    if "=" in text:
        text = TOKEN_IN_URL.sub(r"\1[hidden]", text)
    if "/hooks/" in text:
        text = HOOK_TOKEN.sub(r"\1[hidden]", text)
    if "@" in text or "%40" in text:
        text = EMAIL.sub(lambda found: f"email:{_hash(found[0])}", text)
    return text


def _hash(address: str) -> str:
    return sha256(address.replace("%40", "@").lower().encode()).hexdigest()[:10]


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
    return value.isoformat(" ", "seconds") if isinstance(value, datetime) else value


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
    repeats = Repeats()
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
        processors=[Processor(repeats), *shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    if not people:
        structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_say_errors)
    handler.addFilter(Filter(repeats))
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[_drop_meta, last], foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


class _Said(str):
    """The text of an error, also where a message asks for its `repr`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _say_errors(record: logging.LogRecord) -> bool:
    """Errors in messages of libraries by name and text: the `repr` of redis-py's errors leaves the text out."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            _Said(f"{type(one).__name__}: {one}") if isinstance(one, BaseException) else one for one in record.args
        )
    return True


def _drop_meta(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(logger, method, event)


def for_people() -> bool:
    """True where lines are written for people, not for programs."""
    last = structlog.get_config()["processors"][-1]
    return isinstance(last, structlog.dev.ConsoleRenderer)
