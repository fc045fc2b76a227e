"""Find out which paths a real account uses: try read-only candidates, never a writing method.

What the reference lost can be told from the answers: 404 means no such path, 401 a wrong key, 403 a path that
exists and a key without the permission, 200 the place. From a collection found elsewhere the other operations
of the resource follow; the bulk routes and the downloads cannot be asked without writing and stay guesses.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from bridge.integr8 import core
from bridge.integr8.call import Flow, converse
from bridge.integr8.catalogue import OPERATIONS, Operation, Route
from bridge.integr8.client import Client
from bridge.integr8.errors import (
    ApiError,
    BudgetError,
    Forbidden,
    InvalidCall,
    Malformed,
    NotFound,
    Refused,
    Unauthorized,
)

ASKED = (
    "users.list",
    "offers.list",
    "publishers.list",
    "advertisers.list",
    "offer_events.list",
    "landing_pages.list",
    "reports.clicks",
    "reports.conversions",
    "reports.impressions",
    "exports.list",
)
BELOW_OFFER = frozenset({"offer_events", "landing_pages"})


class Verdict(StrEnum):
    """The meaning of an answer for a route."""

    FOUND = "found"
    NO_PERMISSION = "found, the key lacks Read"
    ABSENT = "not there"
    OTHER = "something else answers there"
    KEY_REFUSED = "the API key is not valid"
    UNCLEAR = "no clear answer"
    NOT_ASKED = "not asked: no offer to look below"


@dataclass(frozen=True, slots=True)
class Finding:
    """One route that was tried, and its answer. `status` is None if no answer came."""

    operation: str
    route: Route
    verdict: Verdict
    status: int | None = None

    @property
    def good(self) -> bool:
        """True if the operation has this route."""
        return self.verdict in {Verdict.FOUND, Verdict.NO_PERMISSION}


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """All findings, and the resulting overrides: operation → `VERB /path`."""

    findings: tuple[Finding, ...]
    overrides: Mapping[str, str]

    @property
    def healthy(self) -> bool:
        """True if every tried operation has the route that the client uses."""
        asked = {finding.operation for finding in self.findings if finding.verdict is not Verdict.NOT_ASKED}
        return not self.overrides and asked <= {finding.operation for finding in self.findings if finding.good}

    def paste(self, account: str) -> str:
        """Return the piece of bridge.yaml to paste; empty if nothing differs."""
        if not self.overrides:
            return ""
        lines = [f"    {name}: {route}" for name, route in self.overrides.items()]
        return "\n".join(["accounts:", f"  {account}:", "    routes:", *(f"  {line}" for line in lines)]) + "\n"


def probe(client: Client, *, now: datetime | None = None) -> ProbeReport:
    """Find an account's routes through its own client (its key, its budget, its overrides).

    Sends only GET, one small page each, and stops trying an operation at the first route that answers. A refused key
    ends it. It raises no API error: the findings have all failures.
    """
    now = now or datetime.now(UTC)
    findings: list[Finding] = []
    offer: str | None = None
    for name in ASKED:
        operation = OPERATIONS[name]
        if operation.resource in BELOW_OFFER and offer is None:
            findings.append(Finding(name, _first(client, operation), Verdict.NOT_ASKED))
            continue
        for route in _candidates(client, operation):
            finding, answer = _ask(client, operation, route, offer, now)
            findings.append(finding)
            if name == "offers.list" and finding.verdict is Verdict.FOUND:
                offer = _first_id(answer)
            if finding.verdict is Verdict.KEY_REFUSED:
                return ProbeReport(tuple(findings), {})
            if finding.good:
                break
    return ProbeReport(tuple(findings), dict(_overrides(client, findings)))


def _first(client: Client, operation: Operation) -> Route:
    return client.context.routes.get(operation.name, operation.route)


def _candidates(client: Client, operation: Operation) -> tuple[Route, ...]:
    places = (_first(client, operation), operation.route, *operation.alternates)
    return tuple(dict.fromkeys(place for place in places if place.verb == "GET"))


def _ask(client: Client, operation: Operation, route: Route, offer: str | None, now: datetime) -> tuple[Finding, Any]:
    try:
        answer = client.run(_question(client, operation, route, offer, now))
    except (ApiError, BudgetError) as error:
        return Finding(operation.name, route, _verdict(error), getattr(error, "status", None)), None
    return Finding(operation.name, route, Verdict.FOUND, 200), answer


def _question(client: Client, operation: Operation, route: Route, offer: str | None, now: datetime) -> Flow[Any]:
    context = client.context
    path = {"integrationID": context.integration, "offerID": offer or ""}
    query: dict[str, Any] = {"page[size]": 1}
    if operation.resource == "reports":
        query |= {
            "integration_id": context.integration,
            "start_time": now - timedelta(hours=1),
            "end_time": now,
            "timezone": "UTC",
        }
    known = {name: value for name, value in path.items() if name in operation.parameters}
    return converse(core.build(operation, route=route, path=known, query=query), context.call_options, context.secrets)


def _verdict(error: ApiError | BudgetError) -> Verdict:
    absent = isinstance(error, NotFound) or (isinstance(error, Refused) and error.status == 405)
    return (
        Verdict.ABSENT
        if absent
        else next((verdict for kind, verdict in _MEANING.items() if isinstance(error, kind)), Verdict.UNCLEAR)
    )


_MEANING: Mapping[type[ApiError], Verdict] = {
    Unauthorized: Verdict.KEY_REFUSED,
    Forbidden: Verdict.NO_PERMISSION,
    Malformed: Verdict.OTHER,
    InvalidCall: Verdict.OTHER,
}


def _first_id(answer: Any) -> str | None:
    rows = answer.get("data") or []
    return str(rows[0]["id"]) if rows and rows[0].get("id") is not None else None


def _overrides(client: Client, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    for finding in findings:
        listing = OPERATIONS[finding.operation]
        if not finding.good or finding.route == _first(client, listing):
            continue
        for operation in OPERATIONS.values():
            if operation.resource == listing.resource and operation.path.startswith(listing.path):
                moved = operation.path.replace(listing.path, finding.route.path, 1)
                yield operation.name, f"{operation.verb} {moved}"
