"""The tracker: accepts or refuses clicks, attributes conversions, changes their status later."""

from collections.abc import Callable
from typing import Any

from bridge.simulator.clock import Clock, milliseconds
from bridge.simulator.directory import Directory
from bridge.simulator.errors import bad
from bridge.simulator.ids import Ids
from bridge.simulator.money import earn
from bridge.simulator.repositories import Entity
from bridge.simulator.rows import APPROVED, PENDING, REJECTED, STATUSES, Click, Conversion, Row
from bridge.simulator.tables import Table
from bridge.simulator.visitors import VISITORS, Visitor

PAUSED = "OFFER_OR_PUBLISHER_INACTIVE"  # reasons are free text, no full list is published
DUPLICATE = "DUPLICATE_CONVERSION"
DAY = 86_400_000  # milliseconds

Listener = Callable[[str, Row], None]


class Tracker:
    def __init__(self, directory: Directory, ids: Ids, clock: Clock) -> None:
        self._directory = directory
        self._ids = ids
        self._clock = clock
        self.clicks: Table[Click] = Table()
        self.impressions: Table[Click] = Table()
        self.conversions: Table[Conversion] = Table()
        self._by_click: dict[str, list[Conversion]] = {}
        self._outside: dict[str, str] = {}  # external id -> transaction id
        self.listeners: list[Listener] = []
        self.sent_to_fallback = 0
        self.keep_paused_clicks = False
        self.caps: dict[int, int] = {}  # offer -> conversions a day, UTC; no API operation sets one

    def click(
        self,
        offer: Entity,
        publisher: Entity,
        *,
        at: int | None = None,
        visitor: Visitor = VISITORS[0],
        status: str = APPROVED,
        reason: str = "",
        sub_id: str = "",
        external_id: str = "",
        quiet: bool = False,
        ignore_pause: bool = False,
    ) -> Click | None:
        """Add a click and return it; None if something is paused, so that it went to the fallback address instead."""
        at = milliseconds(self._clock.now()) if at is None else at
        closed = not (offer.active and publisher.active) or self._full(offer, at)
        if closed and not ignore_pause:
            self.sent_to_fallback += 1
            if not self.keep_paused_clicks:
                return None
            status, reason = REJECTED, PAUSED
        row = Click(
            self._ids.ulid(at),
            at,
            offer.integration or "",
            offer.number,
            publisher.number,
            offer.fields.get("advertiser_id", 0),
            visitor,
            status,
            reason,
            sub_id,
            external_id,
        )
        self.clicks.add(row)
        if external_id:
            self._outside[external_id] = row.real_tx_id
        self._tell("click", row, quiet=quiet)
        return row

    def impression(
        self, offer: Entity, publisher: Entity, *, at: int | None = None, visitor: Visitor = VISITORS[0]
    ) -> Click | None:
        if not (offer.active and publisher.active):
            return None
        at = milliseconds(self._clock.now()) if at is None else at
        advertiser = offer.fields.get("advertiser_id", 0)
        home = offer.integration or ""
        row = Click(self._ids.ulid(at), at, home, offer.number, publisher.number, advertiser, visitor)
        self.impressions.add(row)
        self._tell("impression", row, quiet=False)
        return row

    def convert(
        self,
        click: Click,
        *,
        at: int | None = None,
        event: Entity | None = None,
        status: str | None = None,
        reason: str = "",
        purchase: float = 0.0,
        payout: float | None = None,
        revenue: float | None = None,
        third_party_reason: str = "",
        adv_sub_id: str = "",
        quiet: bool = False,
    ) -> Conversion | None:
        """Return a conversion of that click.

        None for an event without a conversion before it, or a forbidden repetition.

        A pause makes no difference: earlier clicks still convert.
        """
        at = milliseconds(self._clock.now()) if at is None else at
        offer = self._directory.offers.numbered(click.offer)
        assert offer is not None, "a click names an offer that was once made"
        earlier = self._by_click.get(click.real_tx_id, [])
        if event is not None and not _event_fits(event, earlier):
            return None
        terms = event.fields if event is not None else offer.fields.get("default_payout") or {}
        paid, earned = earn(terms, purchase)
        own_status, own_reason = _judge(click, offer, event, earlier, third_party_reason)
        if own_status == APPROVED and self._full(offer, at):
            own_status = PENDING  # a soft cap keeps what comes later, for a person to decide
        row = Conversion(
            self._ids.ulid(at),
            at,
            click.integration,
            click.offer,
            click.publisher,
            click.advertiser,
            click.visitor,
            status or own_status,
            reason or ("" if status and status != REJECTED else own_reason),
            click.sub_id,
            click.external_id,
            click.real_tx_id,
            click.at,
            paid if payout is None else payout,
            earned if revenue is None else revenue,
            offer.fields.get("currency") or "USD",
            purchase,
            str(event.number) if event else "",
            str(event.fields.get("name", "")) if event else "",
            third_party_reason,
            adv_sub_id,
        )
        self.conversions.add(row)
        self._by_click.setdefault(click.real_tx_id, []).append(row)
        self._tell("event" if event else "conversion", row, quiet=quiet)
        return row

    def judge(self, row: Conversion, status: str, reason: str = "", *, quiet: bool = False) -> bool:
        """Approve or reject later: the status changes in place, the row keeps its position."""
        if status not in STATUSES:
            raise bad("status", f"must be one of {', '.join(STATUSES)}")
        changed = (row.status, row.reason) != (status, reason)
        row.status, row.reason = status, reason
        if changed:
            self._tell("status", row, quiet=quiet)
        return changed

    def reject(self, transaction_id: str, reason: str) -> int:
        """Handle the rejection address: an unknown id is not an error, a rejected one gets the new reason."""
        known = self._outside.get(transaction_id, transaction_id)
        rows = self.conversions_of(known)
        return sum(self.judge(row, REJECTED, reason) for row in rows)

    def conversions_of(self, transaction_id: str) -> list[Conversion]:
        """Return conversions by the click's id, or by the conversion's own."""
        own = self.conversions.get(transaction_id)
        return list(self._by_click.get(transaction_id, [])) or ([own] if own else [])

    def click_of(self, transaction_id: str) -> Click | None:
        return self.clicks.get(self._outside.get(transaction_id, transaction_id))

    def _full(self, offer: Entity, at: int) -> bool:
        """Return whether the day's cap of conversions is reached."""
        cap = self.caps.get(offer.number)
        return cap is not None and self.conversions.count(at - at % DAY, at, offer=offer.number) >= cap

    def _tell(self, what: str, row: Row, *, quiet: bool) -> None:
        for listener in () if quiet else self.listeners:
            listener(what, row)


def _event_fits(event: Entity, earlier: list[Conversion]) -> bool:
    if not earlier or not event.active:
        return False
    repeated = any(row.event_id == str(event.number) for row in earlier)
    return bool(event.fields.get("allow_multiple_events")) or not repeated


def _judge(
    click: Click, offer: Entity, event: Entity | None, earlier: list[Conversion], third_party_reason: str
) -> tuple[str, str]:
    if third_party_reason:
        return REJECTED, third_party_reason
    if click.status == REJECTED:
        return REJECTED, click.reason
    if event is None and _repeats(earlier) and not offer.fields.get("allow_duplicate_conversions"):
        return REJECTED, DUPLICATE
    rules: dict[str, Any] = offer.fields if event is None else event.fields
    manual = "manually_approve_conversions" if event is None else "manually_approve_events"
    return (PENDING, "") if rules.get(manual) else (APPROVED, "")


def _repeats(earlier: list[Conversion]) -> bool:
    return any(not row.event_name for row in earlier)
