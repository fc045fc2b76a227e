"""The fields of one click, impression or conversion. Small on purpose: histories have many."""

from dataclasses import dataclass

from bridge.simulator.visitors import Visitor

APPROVED = "Approved"
REJECTED = "Rejected"
PENDING = "Pending"  # soft caps and manual approval; the API's own filter enum does not list it
STATUSES = (APPROVED, REJECTED, PENDING)


@dataclass(slots=True)
class Click:
    """A click or an impression: the two tables have the same columns."""

    real_tx_id: str
    at: int  # unix milliseconds, the same as in the ULID
    integration: str
    offer: int
    publisher: int
    advertiser: int
    visitor: Visitor
    status: str = APPROVED
    reason: str = ""
    sub_id: str = ""
    external_id: str = ""
    landing_page: str = ""

    @property
    def transaction_id(self) -> str:
        return self.real_tx_id


@dataclass(slots=True)
class Conversion:
    """One conversion; with an event name, a later event of the same click."""

    real_tx_id: str
    at: int
    integration: str
    offer: int
    publisher: int
    advertiser: int
    visitor: Visitor
    status: str
    reason: str
    sub_id: str
    external_id: str
    transaction_id: str  # of the click; the same again for duplicates and events
    clicked_at: int
    payout: float
    revenue: float
    currency: str
    purchase: float = 0.0
    event_id: str = ""
    event_name: str = ""
    third_party_reason: str = ""
    adv_sub_id: str = ""


Row = Click | Conversion
