"""The 48 operations of the Integr8 API as a table. Everything that speaks Integr8 is made from this table.

Names, parameters and bodies are stated by the reference (https://api-docs.integr8.co); the reference lost
the paths of all but one operation, so most paths and some verbs are inferred and say so in `evidence`.
`alternates` are the other places where an operation may be found; `accounts.<name>.routes` in bridge.yaml
overrides the canonical one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from marshmallow import Schema

from bridge.integr8 import query_schemas, schemas

PARAMETER = re.compile(r"\{(\w+)\}")
READING_VERBS = frozenset({"GET", "HEAD"})


class Kind(StrEnum):
    """The form of a successful answer."""

    LIST = "list"  # {"data": [...], "meta": {...}}
    OBJECT = "object"  # {"data": {...}}
    CREATED = "created"  # {"created_item_id": "..."}
    EMPTY = "empty"  # {} or no body
    REPORT = "report"  # {"data": {"data": [...], "pageInfo": {...}}}
    EXPORT = "export"  # the bare export object
    URL = "url"  # {"url": "..."}


class Paging(StrEnum):
    NONE = "none"
    NUMBERED = "numbered"
    CURSOR = "cursor"


class Retry(StrEnum):
    """The rule for repeating a call whose outcome is unknown."""

    SAFE = "safe"  # reads: changes nothing
    IDEMPOTENT = "idempotent"  # sets an absolute state: the second time changes nothing
    UNSAFE = "unsafe"  # creates: a repeat makes a second one


@dataclass(frozen=True, slots=True)
class Route:
    """Verb and path template of one operation."""

    verb: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `PUT /api/v2/offers/{offerID}`, the form of an override. Raises ValueError."""
        verb, _, path = text.strip().partition(" ")
        if verb not in {"GET", "PUT", "POST", "PATCH", "DELETE"} or not path.lstrip().startswith("/"):
            raise ValueError(f"{text!r} is not a route; write it like 'PUT /api/v2/publishers/bulk'")
        return cls(verb, path.strip())

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in braces, in order."""
        return tuple(PARAMETER.findall(self.path))

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the reference.

    `parameters` are the path's, without those that the client fills in itself; `bulk_key` names the field of the body
    with many targets; `section` is the section of the API key's permissions.
    """

    name: str
    title: str
    verb: str
    path: str
    section: str
    kind: Kind
    retry: Retry
    request: type[Schema] | None = None
    query: type[Schema] | None = None
    paging: Paging = Paging.NONE
    bulk_key: str | None = None
    alternates: tuple[Route, ...] = ()
    authenticated: bool = True
    evidence: str = ""

    @property
    def resource(self) -> str:
        """The resource: `offers` of `offers.set_status`."""
        return self.name.partition(".")[0]

    @property
    def action(self) -> str:
        """The action: `set_status` of `offers.set_status`."""
        return self.name.partition(".")[2]

    @property
    def route(self) -> Route:
        """The route of the reference."""
        return Route(self.verb, self.path)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The path parameters, in order: `("integrationID", "offerID")`."""
        return self.route.parameters

    @property
    def response(self) -> type[Schema]:
        """The schema of a successful answer."""
        return _RESPONSES[self.kind]

    @property
    def writes(self) -> bool:
        """True if it needs Write on its section; reading needs Read."""
        return self.retry is not Retry.SAFE


_RESPONSES: Mapping[Kind, type[Schema]] = MappingProxyType(
    {
        Kind.LIST: schemas.ListAnswer,
        Kind.OBJECT: schemas.ObjectAnswer,
        Kind.CREATED: schemas.CreatedAnswer,
        Kind.EMPTY: schemas.EmptyAnswer,
        Kind.REPORT: schemas.ReportAnswer,
        Kind.EXPORT: schemas.ExportAnswer,
        Kind.URL: schemas.UrlAnswer,
    }
)

_VERBS = "verb inferred from the order of operations in the reference (get, put, post, delete, patch)"


@dataclass(frozen=True, slots=True)
class _Resource:
    """The place of a resource, and the common part of its five or seven operations."""

    name: str
    singular: str
    section: str
    collections: tuple[str, ...]  # the canonical one first
    id: str
    create: type[Schema]
    update: type[Schema]
    evidence: str

    def at(self, verb: str, tail: str = "") -> tuple[str, str, tuple[Route, ...]]:
        first, *others = (collection + tail for collection in self.collections)
        return verb, first, tuple(Route(verb, path) for path in others)


def _crud(resource: _Resource) -> tuple[Operation, ...]:
    def operation(action: str, title: str, where: tuple[str, str, tuple[Route, ...]], **rest: object) -> Operation:
        verb, path, alternates = where
        return Operation(
            name=f"{resource.name}.{action}",
            title=title,
            verb=verb,
            path=path,
            alternates=alternates,
            section=resource.section,
            evidence=resource.evidence,
            **rest,  # type: ignore[arg-type]
        )

    item = f"/{{{resource.id}}}"
    many, one = resource.name.replace("_", " "), resource.singular
    return (
        operation("list", f"List {many}", resource.at("GET"), kind=Kind.LIST, retry=Retry.SAFE,
                  query=query_schemas.ListQuery, paging=Paging.NUMBERED),
        operation("create", f"Create {one}", resource.at("POST"), kind=Kind.CREATED, retry=Retry.UNSAFE,
                  request=resource.create),
        operation("get", f"Get {one}", resource.at("GET", item), kind=Kind.OBJECT, retry=Retry.SAFE),
        operation("delete", f"Delete {one}", resource.at("DELETE", item), kind=Kind.EMPTY,
                  retry=Retry.IDEMPOTENT),
        operation("update", f"Update {one}", resource.at("PATCH", item), kind=Kind.EMPTY,
                  retry=Retry.IDEMPOTENT, request=resource.update),
    )  # fmt: skip


def _bulk(resource: _Resource) -> tuple[Operation, ...]:
    many = resource.name
    bulk = [collection + "/bulk" for collection in resource.collections]
    bulk_delete = [collection + "/bulk-delete" for collection in resource.collections]
    status_routes = [Route(verb, path) for path in bulk for verb in ("PUT", "POST", "PATCH")]
    # POST on the shared path stays with the status: a body with ids alone could mean either.
    delete_routes = [Route("DELETE", path) for path in bulk]
    delete_routes += [Route(verb, path) for path in bulk_delete for verb in ("POST", "DELETE")]
    evidence = "path and verb inferred: bulk sorts before {id}, status before delete"
    return (
        Operation(name=f"{many}.set_status", title=f"Set the status of many {many}", verb="PUT", path=bulk[0],
                  alternates=tuple(status_routes[1:]), section=resource.section, kind=Kind.EMPTY,
                  retry=Retry.IDEMPOTENT, request=schemas.BulkStatus, bulk_key="data", evidence=evidence),
        Operation(name=f"{many}.bulk_delete", title=f"Delete many {many}", verb="DELETE", path=bulk[0],
                  alternates=tuple(delete_routes[1:]), section=resource.section, kind=Kind.EMPTY,
                  retry=Retry.IDEMPOTENT, request=schemas.BulkDelete, bulk_key="data", evidence=evidence),
    )  # fmt: skip


_OFFERS = (
    "/api/v2/integrations/{integrationID}/offers",
    "/api/v2/{integrationID}/offers",
    "/api/v2/offers/{integrationID}",
)


def _under_offer(*segments: str) -> tuple[str, ...]:
    return tuple(f"{offers}/{{offerID}}/{segment}" for segment in segments for offers in _OFFERS)


_USERS = _Resource(
    "users", "user", "users", ("/api/v2/users", "/api/v2/organization/users"), "userID",
    schemas.UserCreate, schemas.UserUpdate, f"path inferred; {_VERBS}",
)  # fmt: skip
_OFFER = _Resource(
    "offers", "offer", "offers", _OFFERS, "offerID", schemas.OfferBody, schemas.OfferBody,
    f"path inferred, parameters stated; {_VERBS}",
)  # fmt: skip
_PUBLISHERS = _Resource(
    "publishers", "publisher", "publishers", ("/api/v2/publishers",), "publisherID",
    schemas.PublisherBody, schemas.PublisherBody, f"path inferred; {_VERBS}",
)  # fmt: skip
_ADVERTISERS = _Resource(
    "advertisers", "advertiser", "advertisers", ("/api/v2/advertisers",), "advertiserID",
    schemas.AdvertiserBody, schemas.AdvertiserBody, f"path inferred; {_VERBS}",
)  # fmt: skip
_EVENTS = _Resource(
    "offer_events", "offer event", "offers", _under_offer("events", "offer-events"), "offerEventID",
    schemas.OfferEventBody, schemas.OfferEventBody, f"segment inferred, parameters stated; {_VERBS}",
)  # fmt: skip
_LANDING_PAGES = _Resource(
    "landing_pages", "landing page", "offers", _under_offer("landing-pages", "offer-landing-pages"),
    "offerLandingPageID", schemas.LandingPageBody, schemas.LandingPageBody,
    f"segment inferred, parameters stated; {_VERBS}",
)  # fmt: skip


def _report(action: str, table: str, evidence: str) -> Operation:
    return Operation(
        name=f"reports.{action}", title=f"Read the {table.replace('-', ' ')}", verb="GET",
        path=f"/api/v2/reports/v2/{table}", section="reports", kind=Kind.REPORT, retry=Retry.SAFE,
        query=query_schemas.ReportQuery, paging=Paging.CURSOR, evidence=evidence,
    )  # fmt: skip


def _download(action: str, query: type[Schema]) -> Operation:
    segment = action.replace("_", "-")
    path = f"/api/v2/download-center/{{integrationID}}/{segment}"
    return Operation(
        name=f"downloads.{action}", title=f"Export {segment.replace('-', ' ')} to a CSV file", verb="POST",
        path=path, alternates=(Route("GET", path),), section="reports", kind=Kind.EXPORT, retry=Retry.UNSAFE,
        query=query, evidence="path and verb inferred; everything travels in the query",
    )  # fmt: skip


_EXPORTS = "/api/v2/download-center/exports"
_EXPORT_OPERATIONS = (
    Operation(name="exports.url", title="Get the signed address of an export's file", verb="GET",
              path="/api/v2/download-center/artifact-url", section="reports", kind=Kind.URL, retry=Retry.SAFE,
              query=query_schemas.ArtifactQuery, evidence="path inferred"),
    Operation(name="exports.list", title="List exports", verb="GET", path=_EXPORTS, section="reports",
              kind=Kind.LIST, retry=Retry.SAFE, query=query_schemas.ExportListQuery, paging=Paging.NUMBERED,
              evidence="path inferred, filters stated"),
    Operation(name="exports.get", title="Get export", verb="GET", path=_EXPORTS + "/{exportID}",
              section="reports", kind=Kind.OBJECT, retry=Retry.SAFE, evidence="path inferred"),
    Operation(name="exports.delete", title="Delete export and its file", verb="DELETE",
              path=_EXPORTS + "/{exportID}", section="reports", kind=Kind.EMPTY, retry=Retry.IDEMPOTENT,
              evidence="path inferred"),
    Operation(name="exports.shared_url", title="Get the signed address of a shared report's file", verb="GET",
              path="/api/v2/download-center/shared/artifact-url", section="reports", kind=Kind.URL,
              retry=Retry.SAFE, query=query_schemas.SharedArtifactQuery, authenticated=False,
              evidence="path inferred; stated: no API key, a token in the query"),
)  # fmt: skip

_ALL = (
    *_crud(_USERS),
    *_crud(_OFFER), *_bulk(_OFFER),
    *_crud(_PUBLISHERS), *_bulk(_PUBLISHERS),
    *_crud(_ADVERTISERS), *_bulk(_ADVERTISERS),
    *_crud(_EVENTS),
    *_crud(_LANDING_PAGES),
    _report("clicks", "click-table", "inferred from the conversion table"),
    _report("conversions", "conversion-table", "verb and path stated in the reference's own example"),
    _report("impressions", "impression-table", "inferred from the conversion table"),
    _download("clicks", query_schemas.DownloadQuery),
    _download("conversions", query_schemas.DownloadQuery),
    _download("impressions", query_schemas.DownloadQuery),
    _download("postback_logs", query_schemas.PostbackLogQuery),
    *_EXPORT_OPERATIONS,
)  # fmt: skip

OPERATIONS: Mapping[str, Operation] = MappingProxyType({operation.name: operation for operation in _ALL})
RESOURCES: tuple[str, ...] = tuple(dict.fromkeys(operation.resource for operation in _ALL))


def places(routes: Mapping[str, Route | str]) -> dict[str, Route]:
    """Parse overrides from bridge.yaml. Raises ValueError with the problem of the first wrong one."""
    found: dict[str, Route] = {}
    for name, route in routes.items():
        if name not in OPERATIONS:
            raise ValueError(f"routes: {name}: no such operation; `integr8-bridge api operations` lists them")
        try:
            found[name] = Route.parse(route) if isinstance(route, str) else route
        except ValueError as error:
            raise ValueError(f"routes: {name}: {error}") from None
        unknown = set(found[name].parameters) - set(OPERATIONS[name].parameters)
        if unknown:
            raise ValueError(f"routes: {name}: {{{min(unknown)}}} is not a parameter of this operation")
    return found


# Two calls that are not operations of the reference: fetching an export's file from its signed address, and the
# tracker's rejection address, the only documented way to change a conversion's status.
OUTSIDE: Mapping[str, Operation] = MappingProxyType(
    {
        "exports.file": Operation(
            name="exports.file", title="Fetch the file of an export", verb="GET", path="/", section="reports",
            kind=Kind.EMPTY, retry=Retry.SAFE, authenticated=False, evidence="stated: a signed address",
        ),
        "conversions.reject": Operation(
            name="conversions.reject", title="Reject a conversion", verb="GET", path="/", section="",
            kind=Kind.EMPTY, retry=Retry.IDEMPOTENT, authenticated=False,
            evidence="stated in Integr8's handbook: rejecting again only replaces the reason",
        ),
    }
)  # fmt: skip
