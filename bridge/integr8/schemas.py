"""Marshmallow schemas of what is sent to Integr8 and what it returns.

Field names, types, required fields and enums are those of the reference (https://api-docs.integr8.co).
Requests are strict: an unknown field, a number where the reference says string, or a 1 for a boolean is
refused before anything is sent. Answers are lenient: unknown fields stay, since the reference shows no
object of any resource in full.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marshmallow import EXCLUDE, INCLUDE, RAISE, Schema, ValidationError, fields, pre_load, validate


class Flag(fields.Boolean):
    """true or false and nothing similar; Python's own bool, JSON's own literal."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


class Amount(fields.Decimal):
    """A JSON number, kept exactly. Strings, booleans, NaN and infinities are refused."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise ValidationError("must be a number")
        number = Decimal(str(value))
        if not number.is_finite():
            raise ValidationError("must be a finite number")
        return number


def Text(*, required: bool = False) -> fields.String:  # noqa: N802 - reads as the type that it stands for
    """A string; a required one must not be empty."""
    return fields.String(required=required, validate=validate.Length(min=1) if required else [])


def Word(*values: str, required: bool = False) -> fields.String:  # noqa: N802
    """A string of a closed set."""
    return fields.String(required=required, validate=validate.OneOf(values))


def Texts(*values: str) -> fields.List[Any]:  # noqa: N802
    """A list of strings, of a closed set when one is given."""
    return fields.List(Word(*values) if values else fields.String())


class Body(Schema):
    """A request body. It refuses unknown fields."""

    class Meta:
        unknown = RAISE


ROLES = ("admin", "accountManager")
CURRENCIES = ("USD", "EUR")
VISIBILITIES = ("Public", "Private", "Requires_Approval")
PAYOUT_TYPES = ("CPA", "CPS", "CPAxCPS", "CPC", "CPM", "PRV")
REVENUE_TYPES = ("RPA", "RPS", "RPAxRPS", "RPC", "RPM")
PROMOTIONAL_METHODS = ("Content", "Email", "Search", "Social", "Display", "Native", "Push", "SMS", "Other")


class UserCreate(Body):
    email = Text(required=True)
    password = fields.String(required=True, load_only=True, validate=validate.Length(min=1))
    role = Word(*ROLES, required=True)
    city = Text()
    country = Text()
    first_name = Text()
    last_name = Text()
    phone = Text()
    timezone = Text()


class UserUpdate(Body):
    """Nothing is required here; some fields exist only on update."""

    email = Text()
    password = fields.String(load_only=True, validate=validate.Length(min=1))
    role = Word(*ROLES)
    city = Text()
    country = Text()
    first_name = Text()
    last_name = Text()
    phone = Text()
    timezone = Text()
    api_access_enabled = Flag()
    is_advertiser_manager = Flag()
    is_publisher_manager = Flag()
    publisher_manager_access = Word("Global", "Limited")
    status = Word("Active", "Deactivated")


class PayoutConfig(Schema):
    """`integr8docs.OfferPayoutConfig`: the reference hides its fields, so these are inferred and others pass."""

    class Meta:
        unknown = INCLUDE

    payout = Amount()
    payout_percent = Amount()
    payout_type = Word(*PAYOUT_TYPES)
    revenue = Amount()
    revenue_percent = Amount()
    revenue_type = Word(*REVENUE_TYPES)


class OfferBody(Body):
    """The body for create and update: both require `name` and `advertiser_id`."""

    name = Text(required=True)
    advertiser_id = fields.Integer(required=True, strict=True)
    active = Flag()
    allow_duplicate_conversions = Flag()
    block_on_reject = Flag()
    conversion_name = Text()
    currency = Word(*CURRENCIES)
    deep_link_enabled = Flag()
    default_payout = fields.Nested(PayoutConfig)
    description = Text()
    fallback_url = Text()
    hide_js_tracking = Flag()
    impression_forwarding_enabled = Flag()
    impression_forwarding_url = Text()
    manually_approve_conversions = Flag()
    offer_preview_enabled = Flag()
    parallel_tracking_enabled = Flag()
    parallel_tracking_url = Text()
    primary_domain = Text()
    restriction_note = Text()
    targeting_group_id = Text()
    targeting_simple_enabled = Flag()
    terms_and_conditions = Text()
    terms_and_conditions_enabled = Flag()
    view_through_attribution_enabled = Flag()
    visibility = Word(*VISIBILITIES)


class PartnerBody(Body):
    """The common fields of publishers and advertisers."""

    name = Text(required=True)
    active = Flag()
    address = Text()
    company_name = Text()
    country = Text()
    description = Text()
    email = Text()
    first_name = Text()
    last_name = Text()
    manager_id = Text()
    messenger = Text()
    phone = Text()
    website = Text()


class AdvertiserBody(PartnerBody):
    pass


class PublisherBody(PartnerBody):
    city = Text()
    countries = Texts()
    promotional_method = Texts(*PROMOTIONAL_METHODS)
    timezone = Text()
    tracking_domain_ids = Texts()


class OfferEventBody(Body):
    name = Text(required=True)
    active = Flag()
    allow_multiple_events = Flag()
    description = Text()
    manually_approve_events = Flag()
    payout = Amount()
    payout_percent = Amount()
    payout_type = Word(*PAYOUT_TYPES)
    revenue = Amount()
    revenue_percent = Amount()
    revenue_type = Word(*REVENUE_TYPES)


class LandingPageBody(Body):
    name = Text(required=True)
    redirect_url = Text(required=True)
    active = Flag()
    hide_from_publishers = Flag()
    preview_url = Text()


def _ids() -> fields.List[Any]:
    return fields.List(fields.String(validate=validate.Length(min=1)), required=True, validate=validate.Length(min=1))


class BulkStatus(Body):
    """The body of a bulk switch.

    The reference requires neither field, but without one of them it would mean nothing.
    """

    active = Flag(required=True)
    data = _ids()


class BulkDelete(Body):
    data = _ids()


# --- answers ---------------------------------------------------------------------------------------


class Answer(Schema):
    class Meta:
        unknown = INCLUDE


class Meta(Answer):
    total_count = fields.Integer()
    total_page = fields.Integer()


class ListAnswer(Answer):
    """An answer with a list. Go writes an empty slice as null, or leaves it out; others write any empty value as `{}`.

    null is an empty list. The other two are one only if `meta` says so, because an empty list makes us create objects.
    """

    data = fields.List(fields.Dict(), required=True, allow_none=True)
    meta = fields.Nested(Meta, allow_none=True)

    @pre_load
    def no_objects(self, answer: Any, **_: Any) -> Any:
        if not isinstance(answer, Mapping) or answer.get("data", {}) != {}:
            return answer
        meta = answer.get("meta")
        none = isinstance(meta, Mapping) and meta.get("total_count") == 0
        return {**answer, "data": None} if none else answer


class ObjectAnswer(Answer):
    data = fields.Dict(required=True)


class CreatedAnswer(Answer):
    created_item_id = fields.String(required=True, validate=validate.Length(min=1))


class EmptyAnswer(Answer):
    """An empty answer: `{ }`, or nothing at all with a 204."""

    class Meta:
        unknown = EXCLUDE


class PageInfo(Answer):
    startCursor = fields.String(allow_none=True)  # noqa: N815 - the wire's own spelling
    endCursor = fields.String(allow_none=True)  # noqa: N815
    hasPreviousPage = Flag()  # noqa: N815
    hasNextPage = Flag()  # noqa: N815


class Rows(Answer):
    data = fields.List(fields.Dict(), required=True, allow_none=True)
    pageInfo = fields.Nested(PageInfo, required=True)  # noqa: N815

    @pre_load
    def no_rows(self, page: Any, **_: Any) -> Any:
        """Accept null for each part of an empty answer, or one missing part: there is no next page.

        `{}` is not a page.
        """
        if not isinstance(page, Mapping) or page.get("data") or not page:
            return page
        info = page.get("pageInfo") or {}
        known = (
            {name: value for name, value in info.items() if value is not None} if isinstance(info, Mapping) else info
        )
        return {**page, "data": None, "pageInfo": known}


class ReportAnswer(Answer):
    """An answer of a report, `data` twice: the envelope, then the rows with their `pageInfo`.

    Either may be null when empty.

    A program with only one kind of empty value writes the envelope without rows as an empty list.
    """

    data = fields.Nested(Rows, required=True, allow_none=True)

    @pre_load
    def no_rows(self, answer: Any, **_: Any) -> Any:
        return {**answer, "data": None} if isinstance(answer, Mapping) and answer.get("data") == [] else answer


EXPORT_STATES = ("UNKNOWN", "PENDING", "IN_PROGRESS", "COMPLETED", "ERROR", "CANCELED")
EXPORT_TYPES = ("conversion_logs", "click_logs", "impression_logs", "postback_logs")


class ExportAnswer(Answer):
    """The export object without the usual `data` around it, as the answer to starting a download."""

    id = fields.String(required=True)
    status = fields.String()
    type = fields.String()
    artifact = fields.Dict(allow_none=True)
    created_at = fields.String(allow_none=True)
    email_config = fields.Dict(allow_none=True)
    error = fields.String(allow_none=True)
    export_list_options = fields.Dict(allow_none=True)
    format = fields.Raw(allow_none=True)
    guest_token = fields.String(allow_none=True)
    integration = fields.String(allow_none=True)
    last_updated_by = fields.String(allow_none=True)
    notify_by_email = Flag(allow_none=True)
    organization = fields.String(allow_none=True)
    platform = fields.String(allow_none=True)
    reports_query_option = fields.Dict(allow_none=True)
    requested_by = fields.String(allow_none=True)
    results_meta = fields.Dict(allow_none=True)
    updated_at = fields.String(allow_none=True)


class UrlAnswer(Answer):
    url = fields.String(required=True, validate=validate.Length(min=1))
