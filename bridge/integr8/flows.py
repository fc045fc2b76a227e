"""The steps of each client method. Performs no I/O.

A Caller fills in what the account knows (integration, routes, time zone) and turns the name of an operation
into a conversation; the functions below string several together: read and merge before an update, fall back
from a bulk call to single ones, find before creating, read after creating.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bridge.integr8 import core
from bridge.integr8.call import CallOptions, Flow, converse
from bridge.integr8.catalogue import OPERATIONS, Operation, Route
from bridge.integr8.core import Row
from bridge.integr8.errors import (
    ApiError,
    BudgetError,
    Incomplete,
    InvalidCall,
    NotUnique,
    OutcomeUnknown,
)
from bridge.integr8.filters import filter_query
from bridge.integr8.pagination import Numbered
from bridge.integr8.query_schemas import PAGE_SIZE_MAX, SpanQuery
from bridge.integr8.rate_limiter import Priority

CHUNK = 100  # ids per bulk call: no limit is documented, and this is the size the API allows for pages


@dataclass(slots=True)
class AccountContext:
    """The context of the account. `routes`: operation name → its real route; `integration`: the default one."""

    integration: str
    routes: Mapping[str, Route] = field(default_factory=dict)
    call_options: CallOptions = field(default_factory=CallOptions)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    chunk: int = CHUNK
    without_bulk: set[str] = field(default_factory=set)  # operations that turned out not to be there
    case_filters: dict[tuple[str, ...], bool] = field(
        default_factory=dict
    )  # list and fields: does its filter tell case

    def request(
        self,
        name: str,
        *,
        path: Mapping[str, str | int] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> core.Request:
        """Return the request that a call would send. Raises InvalidCall; sends nothing."""
        operation = OPERATIONS.get(name)
        if operation is None:
            raise InvalidCall(name, "no such operation")
        return core.build(
            operation,
            route=self.routes.get(name),
            path=self._place(operation, path or {}),
            query=self._defaults(operation) | dict(query or {}),
            body=body,
        )

    def _place(self, operation: Operation, path: Mapping[str, str | int]) -> dict[str, str | int]:
        known: dict[str, str | int] = {}
        if "integrationID" in operation.parameters:
            known["integrationID"] = self.integration
        return known | dict(path)

    def _defaults(self, operation: Operation) -> dict[str, Any]:
        if operation.query is None or not issubclass(operation.query, SpanQuery):
            return {}
        if operation.resource == "reports":
            return {"integration_id": self.integration, "timezone": "UTC", "page[size]": PAGE_SIZE_MAX}
        return {"timezone": "UTC"}

    def call(
        self,
        name: str,
        *,
        path: Mapping[str, str | int] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        priority: Priority | None = None,
        deadline: float | None = None,
    ) -> Flow[Any]:
        """Call one operation by name. `deadline`: seconds for all attempts together."""
        call_options = self.call_options
        call_options = call_options if priority is None else replace(call_options, priority=priority)
        call_options = call_options if deadline is None else replace(call_options, deadline=deadline)
        request = self.request(name, path=path, query=query, body=body)
        return (yield from converse(request, call_options, self.secrets))


@dataclass(frozen=True, slots=True)
class CollectionPath:
    """The path of a collection: its resource, and the path parameters above it (offerID for offer events)."""

    resource: str
    above: Mapping[str, str | int] = field(default_factory=dict)

    def operation(self, action: str) -> Operation:
        """Return the operation of this collection for an action."""
        return OPERATIONS[f"{self.resource}.{action}"]

    def item(self, id_: str | int) -> dict[str, str | int]:
        """Return the path parameters of one object."""
        return {**self.above, self.operation("get").parameters[-1]: id_}


# --- one object ------------------------------------------------------------------------------------


def create(
    context: AccountContext, collection: CollectionPath, fields: Mapping[str, Any], priority: Priority | None
) -> Flow[Row]:
    """Create, then read, because the answer to a create holds only the id.

    If the read fails, the object exists all the same, so its id and the given fields are returned (without a password)
    instead of an error that would look like a failed create. Raises OutcomeUnknown.
    """
    name = f"{collection.resource}.create"
    id_: str = yield from context.call(name, path=collection.above, body=fields, priority=priority)
    try:
        row: Row = yield from context.call(f"{collection.resource}.get", path=collection.item(id_), priority=priority)
    except (ApiError, BudgetError):
        row = {key: value for key, value in fields.items() if key != "password"}
    return {"id": id_} | row


def update(
    context: AccountContext,
    collection: CollectionPath,
    id_: str | int,
    fields: Mapping[str, Any],
    priority: Priority | None,
) -> Flow[None]:
    """Change the given fields. Required fields that are not given are first read, and sent unchanged."""
    name = f"{collection.resource}.update"
    _refuse_nothing(name, fields)
    missing = missing_fields(collection, fields)
    body = dict(fields)
    if missing:
        _check_given(context, collection, id_, fields, missing)
        row: Row = yield from context.call(f"{collection.resource}.get", path=collection.item(id_), priority=priority)
        body |= carried_over(name, row, missing)
    yield from context.call(name, path=collection.item(id_), body=body, priority=priority)


def _refuse_nothing(name: str, fields: Mapping[str, Any]) -> None:
    if not fields:
        raise InvalidCall(name, "no field to change was given")


def missing_fields(collection: CollectionPath, fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields that an update requires and `fields` lacks; they are read from the object first."""
    request = collection.operation("update").request
    assert request is not None
    return tuple(name for name, one in request().fields.items() if one.required and name not in fields)


def _check_given(
    context: AccountContext,
    collection: CollectionPath,
    id_: str | int,
    fields: Mapping[str, Any],
    missing: Iterable[str],
) -> None:
    """Refuse wrong fields before the first request, which is a read."""
    name = f"{collection.resource}.update"
    try:
        context.request(name, path=collection.item(id_), body=fields)
    except InvalidCall as error:
        problems = {place: what for place, what in error.problems.items() if place not in missing}
        if problems:
            raise InvalidCall(name, problems) from None


def carried_over(name: str, row: Row, missing: Iterable[str]) -> Row:
    """Return the required fields with their present values.

    Raises InvalidCall for one that the object does not show.
    """
    absent = [key for key in missing if row.get(key) in {None, ""}]
    if absent:
        raise InvalidCall(name, dict.fromkeys(absent, "is required, and the object as read does not show it; give it"))
    return {key: _as_required(key, row[key]) for key in missing}


def _as_required(key: str, value: Any) -> Any:
    if key == "advertiser_id" and isinstance(value, str) and value.isdecimal():
        return int(value)
    return value


def delete(
    context: AccountContext, collection: CollectionPath, id_: str | int, priority: Priority | None
) -> Flow[None]:
    """Delete one object; Integr8 archives it."""
    yield from context.call(f"{collection.resource}.delete", path=collection.item(id_), priority=priority)


# --- find or create --------------------------------------------------------------------------------


def find(
    context: AccountContext, collection: CollectionPath, key: Mapping[str, Any], priority: Priority | None
) -> Flow[Row | None]:
    """Return the one object that has the fields of the natural key (ignoring letter case), or None.

    The filter is only a hint: it is not documented whether Integr8 filters by these fields, so every row is compared
    here; a server that ignores the filter costs pages but no mistake. Nor is it documented whether the filter tells
    upper from lower case; if it does, or if the filtered list holds fewer objects than it announces, the whole list is
    read. Raises NotUnique, and Incomplete if that list is short too, because a short list may hide the object.
    """
    name = f"{collection.resource}.list"
    narrowed = {field: value.strip() if isinstance(value, str) else value for field, value in key.items()}
    try:
        found, shown = yield from _matching(context, collection, key, filter_query(narrowed), priority)
        complete = bool(shown) or not (yield from _tells_case(context, collection, narrowed, priority))
    except Incomplete:
        complete = False
    if not complete:
        found, _ = yield from _matching(context, collection, key, {}, priority)
    if len(found) > 1:
        raise NotUnique(
            name, key=", ".join(f"{field} {value}" for field, value in key.items()),
            ids=tuple(str(row.get("id")) for row in found),
        )  # fmt: skip
    return found[0] if found else None


def _matching(
    context: AccountContext,
    collection: CollectionPath,
    key: Mapping[str, Any],
    narrowed: Mapping[str, Any],
    priority: Priority | None,
) -> Flow[tuple[list[Row], int]]:
    """Return the objects with this key, and how many the list showed."""
    name = f"{collection.resource}.list"
    paging = Numbered(name, to_the_end=True)  # what is missed here would be created a second time
    found: list[Row] = []
    shown = 0
    while (page := paging.query) is not None:
        answer = yield from context.call(name, path=collection.above, query=page | dict(narrowed), priority=priority)
        rows = paging.take(answer).rows
        shown += len(rows)
        found += [row for row in rows if all(same(row.get(field), value) for field, value in key.items())]
    return found, shown


def _tells_case(
    context: AccountContext, collection: CollectionPath, key: Mapping[str, Any], priority: Priority | None
) -> Flow[bool]:
    """Return whether a filter by these fields may miss an object whose key is written in other case.

    Any object of the list answers that, so it is asked once for each list and its fields. An empty list has nothing
    that could be missed.
    """
    about = (collection.resource, *sorted(key))
    if about in context.case_filters:
        return context.case_filters[about]
    name = f"{collection.resource}.list"
    first = {"page[number]": 1, "page[size]": PAGE_SIZE_MAX}
    answer = yield from context.call(name, path=collection.above, query=first, priority=priority)
    rows = answer.get("data") or []
    for row in rows:
        swapped = {field: str(row.get(field) or "").strip().swapcase() for field in key}
        if any(text == text.swapcase() for text in swapped.values()):
            continue  # a number, or nothing
        answer = yield from context.call(
            name, path=collection.above, query=first | filter_query(swapped), priority=priority
        )
        ids = {seen.get("id") for seen in answer.get("data") or []}
        context.case_filters[about] = row.get("id") not in ids
        return context.case_filters[about]
    return bool(rows) or (answer.get("meta") or {}).get("total_count") not in {0, None}


def same(present: Any, wanted: Any) -> bool:
    """Return whether a field has a value already, ignoring letter case, outer spaces and numbers as text."""
    if present is None or wanted is None:
        return present is wanted
    return bool(present == wanted) or str(present).strip().casefold() == str(wanted).strip().casefold()


def ensure(
    context: AccountContext, collection: CollectionPath, key: str, fields: Mapping[str, Any], priority: Priority | None
) -> Flow[tuple[Row, bool]]:
    """Find by natural key, or create. Returns the object and whether it was created now.

    After a create with an unknown outcome the object is searched once more; if it is not found, OutcomeUnknown is
    raised: the next `ensure` begins with a search anyway.
    """
    name = f"{collection.resource}.create"
    if fields.get(key) in {None, ""}:
        raise InvalidCall(name, {key: "is the natural key and must be given"})
    context.request(name, path=collection.above, body=fields)
    row = yield from find(context, collection, {key: fields[key]}, priority)
    if row is not None:
        return row, False
    try:
        return (yield from create(context, collection, fields, priority)), True
    except OutcomeUnknown:
        row = yield from find(context, collection, {key: fields[key]}, priority)
        if row is None:
            raise
        return row, True
