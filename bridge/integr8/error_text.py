"""Read an error answer: the server's text as one short line, and the pause that it asks for.

The shape of Integr8's error body is not documented, so JSON of any shape, HTML and plain text are read.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any

MAX_TEXT = 300  # characters of a server's text that are worth keeping
MAX_PAUSE = 3600.0  # s; no server makes us wait for longer, whatever its Retry-After says
KEYS = ("message", "error", "errors", "detail", "title", "error_description", "msg")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.IGNORECASE | re.DOTALL)
_HIDDEN = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.IGNORECASE | re.DOTALL)


def words_of(body: bytes, headers: Mapping[str, str], secrets: Iterable[str] = ()) -> str:
    """Return one line of the body's text, at most 300 characters, without any of the secrets."""
    text = body[:20_000].decode("utf-8", "replace")
    looks_html = "html" in headers.get("content-type", "") or text.lstrip()[:1] == "<"
    said = _from_html(text) if looks_html else _from_json(text)
    for secret in secrets:
        said = said.replace(secret, "***") if secret else said
    return " ".join(said.split())[:MAX_TEXT]


def _from_html(text: str) -> str:
    found = _TITLE.search(text) or _HEADING.search(text)
    return unescape(_HIDDEN.sub(" ", found[1] if found else text))


def _from_json(text: str) -> str:
    try:
        return _said(json.loads(text))
    except ValueError:
        return text


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        found = [_said(value[key]) for key in KEYS if value.get(key)]
        return ": ".join(dict.fromkeys(found)) if found else json.dumps(value) if value else ""
    if isinstance(value, list):
        return "; ".join(_said(item) for item in value)
    return "" if value is None else str(value)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds to wait, from Retry-After in either form; None if absent or unreadable, at most an hour.

    Some servers write a time (seconds or milliseconds since 1970) instead of a number of seconds. The limit of an hour
    prevents waits of decades. A date is compared with the server's own Date if it sends one, so a wrong clock here does
    no harm.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        return min(float(value), MAX_PAUSE)
    until, since = _date(value), _date(headers.get("date", "")) or now
    return min(max(0.0, (until - since).total_seconds()), MAX_PAUSE) if until else None


def _date(value: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
