"""Read pages of Integr8's report tables with the lowest priority: polls never overtake pauses."""

from collections.abc import Callable
from datetime import datetime

from bridge.integr8 import Client, Priority
from bridge.reports.polling import Page
from bridge.store.feeds import FeedKey, Kind


class ReportPages:
    """The `Pages` of all accounts, through the client of each feed's account and integration."""

    def __init__(self, client: Callable[[str, str], Client]) -> None:
        self._client = client

    def page(self, key: FeedKey, start: datetime, end: datetime, after: str | None) -> Page:
        reports = self._client(key.account, key.integration).reports
        read = {
            Kind.CLICKS: reports.clicks,
            Kind.IMPRESSIONS: reports.impressions,
            Kind.CONVERSIONS: reports.conversions,
        }
        listing = read[key.kind](start, end, after=after, priority=Priority.BULK)
        for page in listing.pages():
            return Page([dict(row) for row in page.rows], page.cursor)
        return Page([], None)
