"""One configured sender: authenticate its requests and turn them into events."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal, TypeAlias

from bridge.sources import addresses, csv_body, exact_json, postback
from bridge.sources.authentication import Authenticated, Authenticator
from bridge.sources.errors import Unreadable
from bridge.sources.event_body import (
    Fault,
    Limits,
    ParsedEvent,
    checked,
    content,
    digest,
    is_json,
    media_type,
    read_body,
    read_form,
    read_json,
    walk,
)
from bridge.sources.expects import Expected, fit, rename
from bridge.sources.request import Headers, Incoming, as_mapping
from bridge.sources.strict_schema import Network
from bridge.sources.times import parse_time

Format: TypeAlias = Literal["auto", "json", "form", "query", "csv", "integr8-postback"]

# Where senders that do not sign put their delivery id, if they have one. Not X-Request-Id: proxies make a new one
# for every attempt, so a repeated delivery would never be recognised.
USUAL_IDS = ("webhook-id", "idempotency-key")
LONGEST_ID = 200
PRINTABLE = re.compile(r"[\x20-\x7e]+")
KEPT_HEADERS = ("user-agent", "webhook-timestamp", *USUAL_IDS)


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """One event: the part of the request to store, and what it says."""

    stored_request: Incoming
    parsed: ParsedEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One entry of `sources:`, made by `bridge.sources.build`.

    `event_type`, `delivery_id`, `event_time`, `order_by` and `order_per` say where to look: a dotted path in the
    body, `header:NAME` or `query:NAME`.
    """

    name: str
    method: str  # how its requests are authenticated, for people: "standard-webhooks", "github", ...
    authenticator: Authenticator
    allow: tuple[Network, ...] = ()
    proxies: tuple[Network, ...] = ()
    format: Format = "auto"
    limits: Limits = field(default_factory=Limits)
    event_type: str | None = None
    delivery_id: str | None = None
    shown_id: str | None = None  # an id that is not signed: told, but not trusted to tell two events apart
    event_time: str | None = None
    order_by: str | None = None
    order_per: str | None = None
    zone: tzinfo = UTC
    names: Mapping[str, str] = field(default_factory=dict)  # `map:` ours → theirs
    expects: tuple[Expected, ...] = ()
    on_mismatch: Literal["refuse", "quarantine"] = "refuse"
    warnings: tuple[str, ...] = ()
    kept_headers: frozenset[str] = field(init=False, repr=False)  # what the journal may hold, in lower case

    def __post_init__(self) -> None:
        places = (self.event_type, self.delivery_id, self.shown_id, self.event_time, self.order_by, self.order_per)
        named = (place.removeprefix("header:").strip().lower() for place in places if place)
        object.__setattr__(self, "kept_headers", frozenset((*named, *KEPT_HEADERS)))

    def authenticate(self, request: Incoming, now: datetime) -> Authenticated:
        """Who sent this. Raises SignatureError, to be answered with 401, for whatever is wrong with the proof."""
        if self.allow:
            addresses.check(request, self.allow, self.proxies)
        return self.authenticator.check(request, now)

    def read(self, request: Incoming, authenticated: Authenticated | None = None) -> ParsedEvent:
        """What was sent, as one event. Raises Unreadable with the status to answer.

        Give the result of `authenticate` where there is one: an id or a time that was signed goes before others. An
        event that comes back from the journal has no proof any more and needs none.
        """
        return self._read(self._visible(request), authenticated)

    def _read(self, visible: Incoming, authenticated: Authenticated | None) -> ParsedEvent:
        values = self._values(visible)
        if self.format == "integr8-postback":
            reading = postback.read(values, zone=self.zone, fallback=digest(visible))
            reading = replace(reading, body=rename(reading.body, self.names))
        else:
            reading = self._reading(visible, rename(values, self.names), authenticated or Authenticated())
        return self._fitted(self._placed(reading, visible))

    def accept(self, request: Incoming, authenticated: Authenticated | None = None) -> tuple[AcceptedEvent, ...]:
        """The events of one request, each with what may be written to the journal for it.

        That is one, except for a CSV: there each row is an event, and either all of them fit or none is taken.
        """
        if self._is_table(request):
            return self._rows(request)
        visible = self._visible(request)
        return (AcceptedEvent(self._stored(visible), self._read(visible, authenticated)),)

    def stored_request(self, request: Incoming) -> Incoming:
        """What may be written to the journal: without credentials, and inflated. Reads the same as before."""
        return self._stored(self._visible(request))

    def _stored(self, visible: Incoming) -> Incoming:
        body = content(visible, self.limits)
        return replace(visible, headers=visible.headers.only(self.kept_headers), body=body)

    # --- parts of reading ---------------------------------------------------------------------------

    def _visible(self, request: Incoming) -> Incoming:
        """Without credentials, and without a query that the proof does not cover.

        A signed body with a foreign query string is two texts by two authors.
        """
        bare = self.authenticator.clean(request)
        return bare if self.authenticator.covers_query or not bare.query else replace(bare, query=())

    def _values(self, request: Incoming) -> dict[str, Any]:
        query = checked(as_mapping(request.query))
        match self.format:
            case "query":
                return query
            case "integr8-postback":
                return {**query, **read_body(request, self.limits)}
            case "csv" if self._is_table(request):
                return {"rows": csv_body.rows(content(request, self.limits))}
            case "json" | "csv":
                return read_json(content(request, self.limits), self.limits)
            case "form":
                return read_form(content(request, self.limits))
            case "auto":
                body = read_body(request, self.limits)
                if not body and not query and not content(request, self.limits).strip():
                    raise Unreadable(422, "the request is empty", "body")
                return body or query

    def _reading(self, request: Incoming, body: dict[str, Any], authenticated: Authenticated) -> ParsedEvent:
        delivery = authenticated.delivery_id or self._id(request, body)
        shown = delivery or _as_text(self._look(self.shown_id, request, body))
        return ParsedEvent(
            body=body,
            event_type=_as_text(self._look(self.event_type, request, body)),
            delivery_id=shown,
            event_time=self._time(request, body) or authenticated.signed_at,
            dedupe_key=_id_key(delivery) if delivery else digest(request),
        )

    def _id(self, request: Incoming, body: dict[str, Any]) -> str | None:
        found = _as_text(self._look(self.delivery_id, request, body))
        if found or not self.authenticator.covers_query:
            return found
        usual = (request.headers.get(name) for name in USUAL_IDS)
        return next((value for value in usual if value and value.isprintable()), None)

    def _time(self, request: Incoming, body: dict[str, Any]) -> datetime | None:
        value = self._look(self.event_time, request, body)
        return None if value is None else parse_time(value, self.zone)

    def _look(self, where: str | None, request: Incoming, body: dict[str, Any]) -> Any:
        if where is None:
            return None
        if where.startswith("header:"):
            return request.headers.get(where.removeprefix("header:").strip())
        if where.startswith("query:"):
            return request.parameter(where.removeprefix("query:").strip())
        return walk(body, where.removeprefix("body."))

    def _placed(self, reading: ParsedEvent, request: Incoming) -> ParsedEvent:
        """With its place among the events about the same thing, where the source has an order."""
        if self.order_by is None:
            return reading
        order, about = (_whole(self._look(where, request, reading.body)) for where in (self.order_by, self.order_per))
        return replace(reading, order=order, about=about)

    def _fitted(self, reading: ParsedEvent) -> ParsedEvent:
        body, faults = fit(reading.body, self.expects, self.zone)
        if not faults:
            return reading if body is reading.body else replace(reading, body=body)
        if self.on_mismatch == "refuse":
            raise Unreadable(422, faults[0].words + _more(faults), faults[0].place)
        return replace(
            reading, body=body, faults=(*reading.faults, *faults), quarantine=reading.quarantine or str(faults[0])
        )

    def _is_table(self, request: Incoming) -> bool:
        return self.format == "csv" and not is_json(media_type(request))

    def _rows(self, request: Incoming) -> tuple[AcceptedEvent, ...]:
        visible = self._visible(request)
        key = digest(visible)
        rows = csv_body.rows(content(visible, self.limits))
        taken = tuple(self._row(visible, row, key, number) for number, row in enumerate(rows, start=1))
        faults = [fault for one in taken for fault in one.parsed.faults]
        if faults:
            raise Unreadable(422, csv_body.summary(faults), "csv")
        return taken

    def _row(self, request: Incoming, row: dict[str, Any], key: str, number: int) -> AcceptedEvent:
        """One row, kept as the JSON that `read` will find when it comes back from the journal."""
        kept = replace(request, body=exact_json.dumps(row).encode(), content_type="application/json", headers=Headers())
        body, faults = fit(rename(row, self.names), self.expects, self.zone)
        placed = tuple(Fault(f"row {number}, {fault.place.removeprefix('body.')}", fault.words) for fault in faults)
        reading = ParsedEvent(
            body=body,
            event_type=_as_text(self._look(self.event_type, kept, body)),
            event_time=self._time(kept, body),
            dedupe_key=f"{key}#{number}",
            faults=placed,
        )
        return AcceptedEvent(kept, self._placed(reading, kept))


def _as_text(value: Any) -> str | None:
    """Ids and types may come as numbers. A list or an object is neither."""
    text = _whole(value)
    return None if text is None else text[:LONGEST_ID]


def _whole(value: Any) -> str | None:
    return None if value is None or isinstance(value, dict | list | bool) or value == "" else str(value)


def _id_key(delivery: str) -> str:
    if len(delivery) < LONGEST_ID and PRINTABLE.fullmatch(delivery):
        return f"id:{delivery}"
    return f"id-sha256:{hashlib.sha256(delivery.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _more(faults: list[Fault]) -> str:
    return f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
