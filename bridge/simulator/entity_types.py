"""The six entity types: their names, where their numbers begin, and what a new one starts with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Noun:
    name: str
    resource: str  # as the catalogue calls the operations: `offers.list`
    path_name: str  # the path parameter that carries its id
    first_number: int  # apart from each other, so that a mixed-up id finds nothing instead of something else
    starts_with: Mapping[str, Any] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    unique: str | None = None
    of_integration: bool = False
    of_offer: bool = False


# Which value a field has that was not given is not documented; these are what the form in the UI starts with.
NOUNS: Mapping[str, Noun] = {
    noun.resource: noun
    for noun in (
        Noun(
            "user",
            "users",
            "userID",
            1,
            {"status": "Active", "publisher_manager_access": "Limited", "timezone": "UTC"},
            hidden=frozenset({"password"}),
            unique="email",  # it is the login name
        ),
        Noun(
            "offer",
            "offers",
            "offerID",
            1001,
            {"active": True, "currency": "USD", "visibility": "Public", "conversion_name": "Conversion"},
            of_integration=True,
        ),
        Noun("publisher", "publishers", "publisherID", 201, {"active": True, "timezone": "UTC"}),
        Noun("advertiser", "advertisers", "advertiserID", 11, {"active": True}),
        Noun(
            "offer event",
            "offer_events",
            "offerEventID",
            5001,
            {"active": True, "payout_type": "CPA", "revenue_type": "RPA"},
            of_offer=True,
        ),
        Noun("landing page", "landing_pages", "offerLandingPageID", 7001, {"active": True}, of_offer=True),
    )
}
