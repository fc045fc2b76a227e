"""Reading Integr8's objects for effects: by either of their two ids, with as few calls as possible."""

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from bridge.effects.job import Desk, Job, Tools
from bridge.integr8.errors import NotFound
from bridge.integr8.pace import Lane

PAGE = 100

#: Kind of entity → resource of the client.
RESOURCES = {
    "offer": "offers",
    "publisher": "publishers",
    "advertiser": "advertisers",
    "user": "users",
    "offer_event": "offer_events",
    "landing_page": "landing_pages",
}
#: Kinds that live below an offer; their calls need the offer's id.
BELOW_OFFER = frozenset({"offer_event", "landing_page"})


def resource(tools: Tools, kind: str) -> Any:
    """The client's resource for a kind of entity."""
    return getattr(tools.client, RESOURCES[kind])


def above(job: Job) -> tuple[str, ...]:
    """The offer that an event or a landing page hangs on; nothing for everything else."""
    return (str(job.key["offer"]),) if job.kind in BELOW_OFFER else ()


def ids_of(entity: dict[str, Any]) -> set[str]:
    """Both ids of an object, as text. Which of them a report or a postback names is not documented."""
    return {str(entity[name]) for name in ("id", "incremental_id") if entity.get(name) is not None}


def lane_of(jobs: Sequence[Job]) -> Lane:
    """Pauses overtake everything else, their reads included: until it is verified a pause is not done."""
    return Lane.URGENT if any(job.urgent for job in jobs) else Lane.NORMAL


def read_many(tools: Tools, desk: Desk, kind: str, jobs: Sequence[Job]) -> dict[str, dict[str, Any]]:
    """The present objects of these jobs, by target id; what does not exist is missing.

    One by one for a few, page by page for many: whichever costs fewer calls of the budget.
    """
    wanted = {job.target_id for job in jobs}
    population = desk.population(kind)
    pages = math.ceil(population / PAGE) if population else len(wanted)
    if len(wanted) <= min(pages, 2) or len(wanted) < pages:
        return _one_by_one(tools, desk, kind, jobs)
    return _by_pages(tools, desk, kind, jobs, wanted)


def _one_by_one(tools: Tools, desk: Desk, kind: str, jobs: Sequence[Job]) -> dict[str, dict[str, Any]]:
    found = {}
    source, operation = resource(tools, kind), f"{RESOURCES[kind]}.get"
    for target in dict.fromkeys(job.target_id for job in jobs):
        about = [job for job in jobs if job.target_id == target]
        ask = partial(source.get, *above(about[0]), target, lane=lane_of(about))
        try:
            found[target] = desk.read(operation, about, ask)
        except NotFound:
            continue
    return found


def _by_pages(
    tools: Tools, desk: Desk, kind: str, jobs: Sequence[Job], wanted: Iterable[str]
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    missing = set(wanted)
    operation = f"{RESOURCES[kind]}.list"
    pages = resource(tools, kind).list(size=PAGE, lane=lane_of(jobs)).pages()
    while missing:
        page = desk.read(operation, jobs, lambda: next(pages, None))
        if page is None:
            break
        for entity in page.rows:
            for known in ids_of(entity) & missing:
                found[known] = entity
                missing.discard(known)
    return found
