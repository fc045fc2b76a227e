"""The three report tables: newest first, cursors, a double `data` envelope."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from bridge.simulator.api_call import Answer, Call
from bridge.simulator.clock import milliseconds
from bridge.simulator.columns import TIME_FORMAT, Eye, show
from bridge.simulator.errors import bad
from bridge.simulator.ids import is_ulid
from bridge.simulator.list_query import MAX_PAGE, one, whole_number
from bridge.simulator.repositories import Entity, EntityRepository
from bridge.simulator.rows import Row
from bridge.simulator.tables import Table
from bridge.simulator.world import World

Query = Mapping[str, Sequence[str]]
STATUSES = ("Approved", "Rejected")  # "Pending" is shown by the UI and missing from the documented enum
NOBODY = -1
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Choice:
    """The selection of rows."""

    start: int
    end: int
    zone: tzinfo
    offer: int | None
    wanted: Callable[[Row], bool]


def handlers() -> Mapping[str, Callable[[Call], Answer]]:
    return {
        "reports.clicks": lambda call: _report(call, call.world.tracker.clicks),
        "reports.conversions": lambda call: _report(call, call.world.tracker.conversions),
        "reports.impressions": lambda call: _report(call, call.world.tracker.impressions),
    }


def _report(call: Call, table: Table[Any]) -> Answer:
    query, world = call.query, call.world
    if "sort" in query:
        call.remarks.append("sort is not supported on reports")
        if world.options.strict:
            raise bad("sort", "is not supported on reports")
    integration = world.directory.integration(required(query, "integration_id"))
    choice = choose(query, world, integration)
    size = whole_number(query, "page[size]", default=None, highest=MAX_PAGE)
    after, before = _cursors(query)
    if call.fault("repeat_page"):
        after = before = None
    page = table.page(
        choice.start, choice.end, size=size, after=after, before=before, offer=choice.offer, wanted=choice.wanted
    )
    eye = Eye(world.directory, choice.zone, world.options.report_ids)
    info = {
        "startCursor": page.rows[0].real_tx_id if page.rows else "",
        "endCursor": page.rows[-1].real_tx_id if page.rows else "",
        "hasPreviousPage": page.newer,
        "hasNextPage": page.older,
    }
    rows = [show(row, eye) for row in page.rows]
    world.live.arrive(call.operation.action, world.options.arrivals_per_page, world.now_ms())
    return Answer(200, {"data": {"data": rows, "pageInfo": info}})


def choose(query: Query, world: World, integration: str) -> Choice:
    """Return window, zone and filters, which reports and exports share."""
    zone = _zone(one(query, "timezone"))
    start, end = _window(query, zone)
    status = one(query, "filter[status]")
    if status is not None and status not in STATUSES:
        raise bad("filter[status]", f"must be one of {', '.join(STATUSES)}")
    directory = world.directory
    offer = _number(directory.offers, one(query, "filter[offer_id]"))
    publisher = _number(directory.publishers, one(query, "filter[publisher]"))
    advertiser = _number(directory.advertisers, one(query, "filter[advertiser]"))

    def wanted(row: Row) -> bool:
        return (
            row.integration == integration
            and status in {None, row.status}
            and publisher in {None, row.publisher}
            and advertiser in {None, row.advertiser}
        )

    return Choice(start, end, zone, offer, wanted)


def required(query: Query, name: str) -> str:
    text = one(query, name)
    if not text:
        raise bad(name, "is required")
    return text


def _cursors(query: Query) -> tuple[str | None, str | None]:
    after, before = one(query, "page[after]"), one(query, "page[before]")
    if after is not None and before is not None:
        raise bad("page[before]", "cannot stand beside page[after]")
    for name, cursor in (("page[after]", after), ("page[before]", before)):
        if cursor is not None and not is_ulid(cursor):
            raise bad(name, "is not a transaction id")
    return after, before


def _number(repository: EntityRepository, wanted: str | None) -> int | None:
    """Return the number for either id; archived ones still have rows. An unknown one matches nothing."""
    if wanted is None:
        return None
    found: Entity | None = repository.get(wanted)
    return found.number if found else NOBODY


def _zone(name: str | None) -> tzinfo:
    if name is None:
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError; a path or a folder is worse
        raise bad("timezone", f"{name!r} is not an IANA time zone") from None


def _window(query: Query, zone: tzinfo) -> tuple[int, int]:
    """Return the window with both ends included. The reference's example asks by date, its parameter list by time."""
    if "start_time" not in query and "start_date" in query:
        start = _date(query, "start_date", zone)
        end = _date(query, "end_date", zone) + DAY - timedelta(seconds=1)
    else:
        start, end = _time(query, "start_time", zone), _time(query, "end_time", zone)
    if start > end:
        raise bad("end_time", "lies before start_time")
    return milliseconds(start), milliseconds(end)


def _time(query: Query, name: str, zone: tzinfo) -> datetime:
    return _parse(required(query, name), name, TIME_FORMAT, "YYYY-MM-DD HH:MM:SS", zone)


def _date(query: Query, name: str, zone: tzinfo) -> datetime:
    return _parse(required(query, name), name, "%Y-%m-%d", "YYYY-MM-DD", zone)


def _parse(text: str, name: str, form: str, shown: str, zone: tzinfo) -> datetime:
    try:
        parsed = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is a parameter of its own
    except ValueError:
        raise bad(name, f"must be {shown}") from None
    if parsed.strftime(form) != text:
        raise bad(name, f"must be {shown}, digits in full")
    return parsed.replace(tzinfo=zone)
