"""Type the fields of each request body, so that editors complete them and mypy checks them.

`schemas.py` is what checks at run time; a test holds the two together.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, TypeAlias, TypedDict

Number: TypeAlias = int | float | Decimal
PayoutType: TypeAlias = Literal["CPA", "CPS", "CPAxCPS", "CPC", "CPM", "PRV"]
RevenueType: TypeAlias = Literal["RPA", "RPS", "RPAxRPS", "RPC", "RPM"]
Promotion: TypeAlias = Literal["Content", "Email", "Search", "Social", "Display", "Native", "Push", "SMS", "Other"]


class UserFields(TypedDict, total=False):
    email: str
    password: str
    role: Literal["admin", "accountManager"]
    city: str
    country: str
    first_name: str
    last_name: str
    phone: str
    timezone: str


class UserChanges(UserFields, total=False):
    api_access_enabled: bool
    is_advertiser_manager: bool
    is_publisher_manager: bool
    publisher_manager_access: Literal["Global", "Limited"]
    status: Literal["Active", "Deactivated"]


class OfferFields(TypedDict, total=False):
    name: str
    advertiser_id: int
    active: bool
    allow_duplicate_conversions: bool
    block_on_reject: bool
    conversion_name: str
    currency: Literal["USD", "EUR"]
    deep_link_enabled: bool
    default_payout: Mapping[str, Any]
    description: str
    fallback_url: str
    hide_js_tracking: bool
    impression_forwarding_enabled: bool
    impression_forwarding_url: str
    manually_approve_conversions: bool
    offer_preview_enabled: bool
    parallel_tracking_enabled: bool
    parallel_tracking_url: str
    primary_domain: str
    restriction_note: str
    targeting_group_id: str
    targeting_simple_enabled: bool
    terms_and_conditions: str
    terms_and_conditions_enabled: bool
    view_through_attribution_enabled: bool
    visibility: Literal["Public", "Private", "Requires_Approval"]


class AdvertiserFields(TypedDict, total=False):
    name: str
    active: bool
    address: str
    company_name: str
    country: str
    description: str
    email: str
    first_name: str
    last_name: str
    manager_id: str
    messenger: str
    phone: str
    website: str


class PublisherFields(AdvertiserFields, total=False):
    city: str
    countries: Sequence[str]
    promotional_method: Sequence[Promotion]
    timezone: str
    tracking_domain_ids: Sequence[str]


class OfferEventFields(TypedDict, total=False):
    name: str
    active: bool
    allow_multiple_events: bool
    description: str
    manually_approve_events: bool
    payout: Number
    payout_percent: Number
    payout_type: PayoutType
    revenue: Number
    revenue_percent: Number
    revenue_type: RevenueType


class LandingPageFields(TypedDict, total=False):
    name: str
    redirect_url: str
    active: bool
    hide_from_publishers: bool
    preview_url: str


class ReportFilter(TypedDict, total=False):
    """All filters of a report. `status`: the documentation does not list Pending as a value."""

    status: Literal["Approved", "Rejected"]
    offer_id: str
    publisher: str
    advertiser: str
