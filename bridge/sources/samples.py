"""Make a test request for a source, with a correct signature or token."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from bridge.sources.builder import build
from bridge.sources.errors import CannotSign, SourceSettingsError
from bridge.sources.expects import Expected
from bridge.sources.json_path import put
from bridge.sources.postback import suggested_url
from bridge.sources.request import Headers, Incoming
from bridge.sources.source import TEST_AGENT, Source
from bridge.sources.trackers import Tracker

#: A value of each kind that a source may expect.
VALUES: Mapping[str, Any] = {
    "text": "test",
    "integer": 1,
    "decimal": 1,
    "boolean": True,
    "time": "2026-03-01T12:00:00Z",
    "email": "test@example.com",
    "country": "DE",
    "list": [],
    "object": {},
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample request: its address, content and headers. `body` None is a GET."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str | None = None

    @property
    def curl(self) -> str:
        """The command line that sends it, for people to copy."""
        parts = ["curl", "-sS"]
        for name, value in self.headers.items():
            parts += ["-H", f"{name}: {value}"]
        if self.body is not None:
            parts += ["--data-binary", self.body]
        return shlex.join([*parts, self.url])


class NoSample(ValueError):
    """The source cannot be tested; the text says why."""


def sample(
    base_url: str, name: str, config: Mapping[str, Any], *, now: datetime | None = None, public_url: str | None = None
) -> Sample:
    """Return a test event for a source, authenticated according to its settings. Raises NoSample if that is impossible.

    It is sent to `base_url`; a sender that signs its address signs `public_url`, as the service will check it.
    """
    at = now or datetime.now(UTC)
    try:
        source = build(name, config, public_url=public_url or base_url)
    except SourceSettingsError as error:
        raise NoSample(str(error)) from error
    try:
        asked = replace(_request(source, at), target=f"/hooks/{quote(name, safe='')}")
        request = source.authenticator.sign(asked, at, f"msg_test_{int(at.timestamp())}")
    except CannotSign as error:
        raise NoSample(f"source {name!r}: {error}") from error
    way = f"/{quote(request.path_token, safe='')}" if request.path_token else ""
    query = f"?{urlencode(request.query)}" if request.query else ""
    url = f"{base_url.rstrip('/')}/hooks/{quote(name, safe='')}{way}{query}"
    headers = {**request.headers, "user-agent": TEST_AGENT}
    return Sample(url, headers, None if request.method == "GET" else request.body.decode())


def _request(source: Source, at: datetime) -> Incoming:
    """Return the sender's request, without signature or token."""
    if source.is_postback:
        return Incoming(method="GET", query=_postback(at, source.tracker))
    said = _said(source, at)
    flat = [(name, str(value)) for name, value in said.items()]
    match source.format:
        case "query":
            return Incoming(method="GET", query=tuple(flat))
        case "form":
            return _typed("application/x-www-form-urlencoded", urlencode(flat))
        case "csv":
            return _typed("text/csv", ",".join(said) + "\n" + ",".join(value for _, value in flat) + "\n")
        case _:
            return _placed(source, _typed("application/json", json.dumps(said)))


def _said(source: Source, at: datetime) -> dict[str, Any]:
    """Return the values: the event's type is `test`, wherever the source looks for it.

    Every expected field is there.
    """
    body: dict[str, Any] = {"type": "test", "id": f"test-{int(at.timestamp())}"}
    for one in source.expects:
        body = put(body, source.names.get(one.path, one.path), _value(one))
    where = _first_place(source)
    return put(body, where.removeprefix("body."), "test") if where and ":" not in where else body


def _first_place(source: Source) -> str:
    """Return the place of the event type; of `PLACE or PLACE` the first."""
    return (source.event_type or "").partition(" or ")[0].strip()


def _value(expected: Expected) -> Any:
    return expected.choices[0] if expected.choices else VALUES[expected.kind]


def _typed(kind: str, body: str) -> Incoming:
    return Incoming(headers=Headers({"content-type": kind}), body=body.encode())


def _placed(source: Source, request: Incoming) -> Incoming:
    where = _first_place(source)
    if not where.startswith("header:"):
        return request
    headers = [*request.headers.items(), (where.removeprefix("header:").strip(), "test")]
    return replace(request, headers=Headers(headers))


def _postback(at: datetime, tracker: Tracker | None) -> tuple[tuple[str, str], ...]:
    """Return the suggested postback with values for known macros; other macros stay, as unknown ones do.

    Of another tracker's address only the parameters with a value.
    """
    values = {"transaction_id": f"TEST{int(at.timestamp()):022d}", "offer_id": "1", "publisher_id": "1"}
    values |= {"status": "approved", "payout": "0.00", "revenue": "0.00", "currency": "USD"}
    if tracker is not None:
        values |= {"offer": "1", "publisher": "1"}
        return ("type", "conversion"), *((ours, values[ours]) for ours in tracker.macros if ours in values)
    pairs = parse_qsl(urlsplit(suggested_url("http://x", "x", None)).query)
    return tuple((name, values.get(value.strip("{}"), value)) for name, value in pairs)
