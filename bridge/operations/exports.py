"""Start exports of Integr8's download centre and show their state. Ten a day are allowed over all machines."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from bridge.config.errors import SettingsError
from bridge.integr8.errors import ApiError, BudgetError, DailyBudgetExhausted, InvalidCall, NotFound
from bridge.integr8.exports import Exporter, Table, total
from bridge.operations.errors import NotThere, OperationError, Refused, Unanswered
from bridge.services.container import Services
from bridge.store.exports import Starts

FIELDS = {
    "conversions": (
        "transaction_id", "conversion_time", "click_time", "status", "rejection_reason", "offer_id", "publisher",
        "advertiser", "sub_id", "geo_country", "payout", "revenue", "currency", "event_id", "event_name",
    ),
    "clicks": (
        "transaction_id", "request_time", "status", "rejection_reason", "offer_id", "publisher", "advertiser", "sub_id",
        "geo_country",
    ),
}  # fmt: skip
FIELDS["impressions"] = FIELDS["clicks"]


@dataclass(frozen=True, slots=True)
class Export:
    """The progress of an export. `url`: the address of the file, once it exists; Integr8 serves it for a while."""

    id: str
    status: str
    rows: int | None
    url: str | None


def exporter(services: Services, account: str, integration: str) -> Exporter:
    """Return the exporter of one integration, with the count of starts that all processes share. Raises NotThere."""
    try:
        client = services.client(account, integration)
    except SettingsError as error:
        raise NotThere("; ".join(error.problems)) from error
    return Exporter(client, Starts(services.store, account), today=services.clock)


def begin(services: Services, account: str, integration: str, *, table: Table, start: datetime, end: datetime) -> str:
    """Start a CSV of [start, end). Returns the export's id. Raises Refused when the day's exports are used up."""
    if end <= start:
        raise OperationError("to: it must be later than from")
    with _in_words():
        return str(exporter(services, account, integration).start(table, start, end, fields=FIELDS[table])["id"])


def status(services: Services, account: str, integration: str, export: str) -> Export:
    """Return the progress, and the address of the file when it is ready."""
    asked = exporter(services, account, integration)
    with _in_words():
        found = asked.status(export)
        url = asked.address(found)
    return Export(export, str(found.get("status", "UNKNOWN")).upper(), total(found), url)


@contextmanager
def _in_words() -> Iterator[None]:
    """Convert errors of Integr8 and the budget to refusals of this package."""
    try:
        yield
    except DailyBudgetExhausted as error:
        raise Refused(str(error)) from error
    except NotFound as error:
        raise NotThere(str(error)) from error
    except InvalidCall as error:
        raise OperationError(str(error)) from error
    except (ApiError, BudgetError) as error:
        raise Unanswered(str(error)) from error
