"""One configured sender: authenticate its requests and turn them into events."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from functools import lru_cache, partial
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote

from bridge.sources import addresses, csv_body, exact_json, postback
from bridge.sources.authentication import Authenticated, Authenticator
from bridge.sources.dedupe_key import MAX_ID_CHARS, of_content, of_id
from bridge.sources.errors import SignatureError, Unreadable
from bridge.sources.event_body import (
    Fault,
    Limits,
    ParsedEvent,
    checked,
    content,
    is_json,
    media_type,
    named,
    read_body,
    read_form,
    read_json,
)
from bridge.sources.exact_json import Odd, without_odd
from bridge.sources.expects import Expected, fit, rename
from bridge.sources.json_path import walk
from bridge.sources.request import Headers, Incoming, as_mapping, readable
from bridge.sources.setup_calls import Reply, SetupCalls, to_confirm
from bridge.sources.split import AUTO, events
from bridge.sources.strict_schema import Network
from bridge.sources.trackers import Tracker
from rules.model.input_values import parse_moment

Values: TypeAlias = dict[str, Any] | list[Any]  # what a body holds
Format: TypeAlias = Literal["auto", "json", "form", "query", "csv", "integr8-postback", "postback"]

# Where senders that do not sign put their delivery id, if they have one. Not X-Request-Id: proxies make a new one
# for every attempt, so a repeated delivery would never be recognised.
USUAL_IDS = ("webhook-id", "idempotency-key")
KEPT_HEADERS = ("user-agent", "webhook-timestamp", *USUAL_IDS)


TEST = "test"  # the type of events of `sources test`; no rule is asked about them that does not name this type
TEST_AGENT = "integr8-bridge-test"


def is_test(request: Incoming) -> bool:
    """Return whether a request is a test event, according to its User-Agent."""
    return request.headers.get("user-agent", "").startswith(TEST_AGENT)


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """One event: the part of the request to store, and its values."""

    stored_request: Incoming
    parsed: ParsedEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One entry of `sources:`, built by `bridge.sources.build`.

    `event_type`, `delivery_id`, `event_time`, `order_by` and `order_per` name places: a dotted path in the body,
    `header:NAME` or `query:NAME`.
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
    split: str = AUTO
    json_in: str | None = None  # the field of a form that carries JSON, where it is not the only one
    tracker: Tracker | None = None  # whose postbacks these are, where not Integr8's
    status: int = 202  # what the sender counts as success
    setup: SetupCalls | None = None
    warnings: tuple[str, ...] = ()
    kept_headers: frozenset[str] = field(init=False, repr=False)  # what the journal may hold, in lower case

    def __post_init__(self) -> None:
        places = (self.event_type, self.delivery_id, self.shown_id, self.event_time, self.order_by, self.order_per)
        each = (one.strip() for place in places if place for one in re.split(r" or | \+ ", place))
        named = (place.removeprefix("header:").strip().lower() for place in each)
        object.__setattr__(self, "kept_headers", frozenset((*named, *KEPT_HEADERS)))

    def authenticate(self, request: Incoming, now: datetime) -> Authenticated:
        """Authenticate the sender. Raises SignatureError, to be answered with 401, for any fault."""
        if self.allow:
            addresses.check(request, self.allow, self.proxies)
        try:
            return self.authenticator.check(request, now)
        except SignatureError as error:
            if error.code != "wrong" or "gzip" not in request.headers.get("content-encoding", ""):
                raise
            return self.authenticator.check(self._inflated(request), now)

    def _inflated(self, request: Incoming) -> Incoming:
        """Return the decompressed request: some senders sign the text and compress it afterwards."""
        try:
            body = content(request, self.limits)
        except Unreadable as error:
            raise SignatureError("wrong", f"the signature does not fit, and {error.words}") from None
        return replace(request, body=body, headers=request.headers.without({"content-encoding"}))

    def setup_reply(self, request: Incoming, now: datetime) -> Reply | None:
        """Return the answer to a call with which the sender checks the address; None for anything else."""
        if self.setup is None:
            return None
        authenticate = self.authenticate_address if request.method == "OPTIONS" else self.authenticate
        return self.setup.answer(request, partial(authenticate, request, now))

    def authenticate_address(self, request: Incoming, now: datetime) -> None:
        """Authenticate a request without content, which a sender that signs cannot sign."""
        if self.allow:
            addresses.check(request, self.allow, self.proxies)
        if not self.authenticator.signs:
            self.authenticator.check(request, now)

    def read(self, request: Incoming, authenticated: Authenticated | None = None) -> ParsedEvent:
        """Parse a request as one event. Raises Unreadable with the status to answer.

        Pass the result of `authenticate` if there is one: a signed id or time overrides others. An event from the
        journal has no signature any more and needs none.
        """
        visible = self._visible(request)
        return (
            self._read_postback(visible)
            if self.is_postback
            else self._read(visible, *self._values(visible), authenticated)
        )

    def _read(
        self, visible: Incoming, values: Values, odd: Sequence[Any], authenticated: Authenticated | None
    ) -> ParsedEvent:
        body = rename(named(values), self.names)
        parsed = self._parsed(visible, body, authenticated or Authenticated(), odd=bool(odd))
        return self._fitted(self._placed(parsed, visible))

    def _read_postback(self, visible: Incoming) -> ParsedEvent:
        return self._fitted(self._placed(self._postback(visible), visible))

    @property
    def is_postback(self) -> bool:
        return self.format in ("integr8-postback", "postback")

    def accept(self, request: Incoming, authenticated: Authenticated | None = None) -> tuple[AcceptedEvent, ...]:
        """Return the events of one request, each with what may be stored for it.

        There is one for most requests, and several for a list of events and for a CSV. Either all of them are valid or
        none is accepted.
        """
        accepted = self._accept(request, authenticated)
        if not is_test(request):
            return accepted
        return tuple(replace(one, parsed=replace(one.parsed, event_type=TEST)) for one in accepted)

    def _accept(self, request: Incoming, authenticated: Authenticated | None) -> tuple[AcceptedEvent, ...]:
        if self._is_table(request):
            return self._rows(request)
        visible = self._visible(request)
        if self.is_postback:
            return (AcceptedEvent(self._stored(visible), self._read_postback(visible)),)
        values, odd = self._values(visible)
        bodies = events(values, self.split)
        if bodies is not None:
            return self._several(visible, bodies, authenticated or Authenticated(), odd=bool(odd))
        return (AcceptedEvent(self._stored(visible), self._read(visible, values, odd, authenticated)),)

    def stored_request(self, request: Incoming) -> Incoming:
        """Return what may be stored: without credentials, and decompressed. It is parsed to the same values."""
        return self._stored(self._visible(request))

    def _stored(self, visible: Incoming) -> Incoming:
        kept = self.kept_headers
        try:
            body = content(visible, self.limits)
        except Unreadable:
            if not (self.is_postback and visible.query):
                raise
            # Noted as a fault already; the query is what counts. With its coding it is as unreadable the next time.
            body, kept = visible.body, kept | {"content-encoding"}
        query = visible.query
        if self.is_postback:  # the query of any other source is UTF-8 already
            query = tuple((readable(name), readable(value)) for name, value in query)
        return visible.but(headers=visible.headers.only(kept), query=query, body=body)

    # --- parts of reading ---------------------------------------------------------------------------

    def _visible(self, request: Incoming) -> Incoming:
        """Return the request without credentials, and without a query that the signature does not cover.

        A signed body with a foreign query string is two texts by two authors.
        """
        bare = self.authenticator.clean(request)
        return bare if self.authenticator.covers_query or not bare.query else bare.but(query=())

    def _values(self, request: Incoming) -> tuple[Values, Sequence[Any]]:
        """Return the values of the request, and the invalid numbers in it."""
        odd: list[Odd] = []
        return self._read_values(request, odd), odd

    def _read_values(self, request: Incoming, odd: list[Odd]) -> Values:
        query = checked(as_mapping(request.query))
        match self.format:
            case "query":
                return query
            case "csv" if self._is_table(request):
                return {"rows": csv_body.rows(content(request, self.limits))}
            case "json" | "csv":
                return read_json(content(request, self.limits), self.limits, odd=odd)
            case "form" if not is_json(media_type(request)):  # an event of a list comes back from the journal as JSON
                return read_form(content(request, self.limits), self.limits, self.json_in, odd=odd)
            case _:
                body = read_body(request, self.limits, self.json_in, odd=odd)
                if not body and not query and not content(request, self.limits).strip():
                    raise Unreadable(422, "the request is empty", "body")
                return body or query

    def _postback(self, request: Incoming) -> ParsedEvent:
        """Parse a postback. It is never sent again, so only its bad values are dropped and noted."""
        # Names as the journal will hold them, so that the event reads the same when it comes back from there.
        query, faults = as_mapping(tuple((readable(name), value) for name, value in request.query)), []
        try:
            odd: list[Odd] = []
            body, dropped = without_odd(named(read_body(request, self.limits, any_bytes=True, odd=odd)))
            faults = [Fault(*one) for one in dropped]
        except Unreadable as error:
            if not query:
                raise
            body, faults = {}, [Fault("body", f"cannot be read ({error}); only the query was used")]
        early = {ours: theirs for ours, theirs in self.names.items() if ours in postback.NAMES}
        values = rename({**query, **body}, early)
        if is_test(request):
            values["type"] = TEST
        parsed = postback.read(values, zone=self.zone, fallback=of_content(request), tracker=self.tracker)
        later = {ours: theirs for ours, theirs in self.names.items() if ours not in early}
        return replace(parsed, body=rename(parsed.body, later), faults=(*faults, *parsed.faults))

    def _parsed(
        self, request: Incoming, body: dict[str, Any], authenticated: Authenticated, *, odd: bool = False
    ) -> ParsedEvent:
        body, dropped = without_odd(body) if odd else (body, [])
        delivery = authenticated.delivery_id or self._id(request, body)
        shown = delivery or _as_text(self._look(self.shown_id, request, body))
        at, faults = self._time(request, body)
        return ParsedEvent(
            body=body,
            event_type=_as_text(self._look(self.event_type, request, body)),
            delivery_id=shown,
            event_time=None if faults else at or authenticated.signed_at,
            time_is_faulty=bool(faults),
            dedupe_key=of_id(delivery) if delivery else of_content(request),
            faults=(*(Fault(*one) for one in dropped), *faults),
            quarantine=to_confirm(self.setup.kind if self.setup else None, body),
        )

    def _several(
        self, visible: Incoming, bodies: list[dict[str, Any]], authenticated: Authenticated, *, odd: bool
    ) -> tuple[AcceptedEvent, ...]:
        """Return each event of a list, identified by its own id, or by the request and its place in the list."""
        outer = authenticated.delivery_id or self._id(visible, {})
        key = of_id(outer) if outer else of_content(visible)
        kept = visible.headers.only(self.kept_headers)
        accepted = []
        for number, one in enumerate(bodies, start=1):
            text = exact_json.dumps(one).encode()
            query = visible.query if one else ()  # or it would be read in the place of the empty object
            stored = replace(visible, headers=kept, body=text, content_type="application/json", query=query)
            body = rename(without_odd(one)[0] if odd else one, self.names)
            own = self._id(replace(stored, headers=Headers(), query=()), body)  # those are the request's, not its own
            signed = Authenticated(signed_at=authenticated.signed_at)
            parsed = self._parsed(stored, rename(one, self.names), signed, odd=odd)
            shown = own or outer or parsed.delivery_id
            parsed = replace(parsed, delivery_id=shown, dedupe_key=of_id(own) if own else f"{key}#{number}")
            accepted.append(AcceptedEvent(stored, self._fitted(self._placed(parsed, stored), f"event {number}, ")))
        return tuple(accepted)

    def _id(self, request: Incoming, body: dict[str, Any]) -> str | None:
        found = self._joined(request, body)
        if found or self.authenticator.signs:
            return found
        usual = (request.headers.get(name) for name in USUAL_IDS)
        return next((value for value in usual if value and value.isprintable()), None)

    def _joined(self, request: Incoming, body: dict[str, Any]) -> str | None:
        """Return the delivery id. `PLACE + PLACE` joins several values, if one alone is not unique at the sender."""
        if self.delivery_id is None or " + " not in self.delivery_id:
            return _as_text(self._look(self.delivery_id, request, body))
        parts = [_whole(self._look(place.strip(), request, body)) for place in self.delivery_id.split(" + ")]
        return None if None in parts else "|".join(str(part) for part in parts)

    def _time(self, request: Incoming, body: dict[str, Any]) -> tuple[datetime | None, tuple[Fault, ...]]:
        value = self._look(self.event_time, request, body)
        if value is None or value == "":
            return None, ()
        at = parse_moment(value, self.zone)
        words = "is not a time between 2000 and 2100; treated as missing"
        return at, () if at is not None else (Fault(str(self.event_time), words),)

    def _look(self, where: str | None, request: Incoming, body: dict[str, Any]) -> Any:
        """Return the first value that one of the places has, `PLACE or PLACE`."""
        for place in _places(where or ""):
            found = self._look_at(place, request, body)
            if found is not None:
                return found
        return None

    def _look_at(self, where: str, request: Incoming, body: dict[str, Any]) -> Any:
        if where.startswith("header:"):
            name = where.removeprefix("header:").strip().lower()
            value = request.headers.get(name)
            return unquote(value) if value and name.startswith("ce-") else value  # CloudEvents encodes its headers
        if where.startswith("query:"):
            return request.parameter(where.removeprefix("query:").strip())
        path = where.removeprefix("body.")
        found = walk(body, path)
        # Before lists were split, the first event of a list was asked for as items.0.
        return walk(body, path.removeprefix("items.0.")) if found is None and path.startswith("items.0.") else found

    def _placed(self, reading: ParsedEvent, request: Incoming) -> ParsedEvent:
        """Return the event with its order value, if the source has an order."""
        if self.order_by is None:
            return reading
        order, about = (_whole(self._look(where, request, reading.body)) for where in (self.order_by, self.order_per))
        return replace(reading, order=order, about=about)

    def _fitted(self, parsed: ParsedEvent, place: str = "") -> ParsedEvent:
        body, faults = fit(parsed.body, self.expects, self.zone)
        if not faults:
            return parsed if body is parsed.body else replace(parsed, body=body)
        if self.on_mismatch == "refuse":
            raise Unreadable(422, faults[0].words + _more(faults), place + faults[0].place)
        return replace(
            parsed, body=body, faults=(*parsed.faults, *faults), quarantine=parsed.quarantine or str(faults[0])
        )

    def _is_table(self, request: Incoming) -> bool:
        return self.format == "csv" and not is_json(media_type(request))

    def _rows(self, request: Incoming) -> tuple[AcceptedEvent, ...]:
        visible = self._visible(request)
        key = of_content(visible)
        checked(as_mapping(visible.query))
        rows = csv_body.rows(content(visible, self.limits))
        for number, row in enumerate(rows, start=1):
            checked(row, f"row {number}, ")  # or the journal would hold what it cannot read
        taken = tuple(self._row(visible, row, key, number) for number, row in enumerate(rows, start=1))
        faults = [fault for one in taken for fault in one.parsed.faults]
        if faults:
            raise Unreadable(422, csv_body.summary(faults), "csv")
        return taken

    def _row(self, request: Incoming, row: dict[str, Any], key: str, number: int) -> AcceptedEvent:
        """Return one row, stored as the JSON that `read` will parse when it comes from the journal."""
        text = exact_json.dumps(row).encode()
        stored = replace(request, body=text, content_type="application/json", headers=Headers())
        body, faults = fit(rename(row, self.names), self.expects, self.zone)
        placed = tuple(Fault(f"row {number}, {fault.place.removeprefix('body.')}", fault.words) for fault in faults)
        parsed = ParsedEvent(
            body=body,
            event_type=_as_text(self._look(self.event_type, stored, body)),
            event_time=(at := self._time(stored, body))[0],
            time_is_faulty=bool(at[1]),
            dedupe_key=f"{key}#{number}",
            faults=placed,
        )
        return AcceptedEvent(stored, self._placed(parsed, stored))


@lru_cache(maxsize=1_024)
def _places(where: str) -> tuple[str, ...]:
    """Return the places of `PLACE or PLACE`. Settings name them, so there are few."""
    return tuple(place.strip() for place in where.split(" or ") if place)


def _as_text(value: Any) -> str | None:
    """Return an id or type as text; it may be a number, but not a list or an object."""
    text = _whole(value)
    return None if text is None else text[:MAX_ID_CHARS]


def _whole(value: Any) -> str | None:
    return None if value is None or isinstance(value, dict | list | bool) or value == "" else str(value)


def _more(faults: list[Fault]) -> str:
    return f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
