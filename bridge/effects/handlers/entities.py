"""Read Integr8's objects for effects: by either of their two ids, with as few calls as possible."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from bridge.effects.handlers.job import CallLog, Job, Tools
from bridge.integr8.errors import InvalidCall, NotFound
from bridge.integr8.pagination import Page
from bridge.integr8.rate_limiter import Priority
from rules.model.verbs import BELOW_OFFER

ENTITIES_PER_PAGE = 100
ASKED_SINGLY = 20  # of those that a list does not show; the others have their turn with the next attempt

#: Kind of entity → resource of the client.
RESOURCES = {
    "offer": "offers",
    "publisher": "publishers",
    "advertiser": "advertisers",
    "user": "users",
    "offer_event": "offer_events",
    "landing_page": "landing_pages",
}


def resource(tools: Tools, kind: str) -> Any:
    """Return the client's resource for a kind of entity."""
    return getattr(tools.client, RESOURCES[kind])


def above(job: Job) -> tuple[str, ...]:
    """Return the offer that an event or a landing page belongs to; nothing for other kinds.

    Raises InvalidCall if the offer is unknown.
    """
    if job.kind not in BELOW_OFFER:
        return ()
    if "offer" not in job.key:
        kind = job.kind.replace("_", " ")
        ways = "evaluate the rule per offer, or have `poll: {details: 6h}` of the account read what offers have"
        raise InvalidCall(RESOURCES[job.kind], f"the offer is unknown of {kind} {job.target_id}; {ways}")
    return (str(job.key["offer"]),)


def ids_of(entity: Mapping[str, Any]) -> set[str]:
    """Return both ids of an object as text. It is not documented which of them a report or a postback names."""
    return {str(entity[name]) for name in ("id", "incremental_id") if entity.get(name) is not None}


def priority_of(jobs: Sequence[Job]) -> Priority:
    """Return the priority. Pauses and their reads go first, because a pause is not done until it is verified."""
    return Priority.URGENT if any(job.urgent for job in jobs) else Priority.NORMAL


def read_many(tools: Tools, call_log: CallLog, kind: str, jobs: Sequence[Job]) -> dict[str, dict[str, Any]]:
    """Read the present objects of these jobs, by every id that they have; objects that do not exist are missing.

    It reads one by one, or the pages on which they last were, or all pages: whichever needs the fewest calls. Lists
    have no filter by several ids (reference, "List Offers").
    """
    wanted = list(dict.fromkeys(job.target_id for job in jobs))
    if len(wanted) == 1 or kind in BELOW_OFFER:
        return _one_by_one(tools, call_log, jobs, wanted)
    known = call_log.entity_count(kind) or len(wanted)  # at least so many, when nobody knows
    all_pages = math.ceil(known / ENTITIES_PER_PAGE)
    positions = call_log.list_positions(kind, wanted)
    likely = Counter(position // ENTITIES_PER_PAGE for position in positions.values())
    with_likely = len(likely) + len(wanted) - len(positions)
    if len(wanted) <= min(all_pages, with_likely):
        return _one_by_one(tools, call_log, jobs, wanted)
    if all_pages <= with_likely:
        return _by_pages(tools, call_log, kind, jobs)
    found = _on_likely_pages(tools, call_log, kind, jobs, likely)
    missing = [job for job in jobs if find(found, job) is None]
    left = list(dict.fromkeys(job.target_id for job in missing))
    if len(left) < all_pages:
        return found | _one_by_one(tools, call_log, missing, left)
    return found | _by_pages(tools, call_log, kind, missing)


def find(present: Mapping[str, dict[str, Any]], job: Job) -> dict[str, Any] | None:
    """Return the object of a job among those that were read, by either id."""
    return next((present[one] for one in job.ids if one in present), None)


def _one_by_one(
    tools: Tools, call_log: CallLog, jobs: Sequence[Job], wanted: Iterable[str]
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    about: dict[str, list[Job]] = {}
    for job in jobs:
        about.setdefault(job.target_id, []).append(job)
    for target in wanted:
        for known in about[target][0].ids:
            entity = _get(tools, call_log, about[target], known)
            if entity is not None:
                found |= {target: entity} | dict.fromkeys(ids_of(entity), entity)
                break
    return found


def _get(tools: Tools, call_log: CallLog, jobs: Sequence[Job], id_: str) -> dict[str, Any] | None:
    kind = jobs[0].kind
    ask = partial(resource(tools, kind).get, *above(jobs[0]), id_, priority=priority_of(jobs))
    try:
        entity: dict[str, Any] = call_log.read(f"{RESOURCES[kind]}.get", jobs, ask)
    except NotFound:
        return None
    return entity


def _by_pages(tools: Tools, call_log: CallLog, kind: str, jobs: Sequence[Job]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    missing = list(jobs)
    pages = resource(tools, kind).list(size=ENTITIES_PER_PAGE, priority=priority_of(jobs)).pages()
    while missing and (page := _next_page(call_log, kind, jobs, pages)) is not None:
        found |= _those_of(page, missing)
        missing = [job for job in missing if find(found, job) is None]
    unlisted = missing[:ASKED_SINGLY]  # a list need not be whole
    return found | _one_by_one(tools, call_log, unlisted, dict.fromkeys(job.target_id for job in unlisted))


def _on_likely_pages(
    tools: Tools, call_log: CallLog, kind: str, jobs: Sequence[Job], likely: Counter[int]
) -> dict[str, dict[str, Any]]:
    """Read the pages where the objects last were, the fullest first. Stop after one page that has none of them."""
    found: dict[str, dict[str, Any]] = {}
    missing = list(jobs)
    for number, _ in likely.most_common():
        pages = resource(tools, kind).list(size=ENTITIES_PER_PAGE, start=number + 1, priority=priority_of(jobs)).pages()
        page = _next_page(call_log, kind, jobs, pages)
        here = _those_of(page, missing) if page is not None else {}
        if not here:
            break
        found |= here
        missing = [job for job in missing if find(found, job) is None]
    return found


def _next_page(call_log: CallLog, kind: str, jobs: Sequence[Job], pages: Iterator[Page]) -> Page | None:
    return call_log.read(f"{RESOURCES[kind]}.list", jobs, lambda: next(pages, None))


def _those_of(page: Page, wanted: Sequence[Job]) -> dict[str, dict[str, Any]]:
    """Return the wanted objects of a page, by every id that they have."""
    ids = {one for job in wanted for one in job.ids}
    return {known: entity for entity in page.rows if ids & ids_of(entity) for known in ids_of(entity)}
