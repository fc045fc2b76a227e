"""What goes in and comes out, as marshmallow schemas; rows are made by `dump` from plain mappings."""

from marshmallow import RAISE, Schema, fields, validate

from bridge.operations.replaying import PER_MINUTE


class Strict(Schema):
    class Meta:
        unknown = RAISE


class PageQuery(Strict):
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 500))
    after = fields.String(load_default=None, metadata={"description": "id of the last row of the page before"})


class EventQuery(PageQuery):
    source = fields.String()
    state = fields.String()
    event_type = fields.String(data_key="type")


class RunQuery(PageQuery):
    rule = fields.String()
    outcome = fields.String()


class ExplainQuery(Strict):
    subject = fields.String(required=True, metadata={"example": "offer=42"})
    at = fields.AwareDateTime(load_default=None, metadata={"example": "2026-11-24T10:15:00+00:00"})


class OnlyBody(Strict):
    targets = fields.List(
        fields.String(validate=validate.Regexp(r"[a-z_]+=.+")), data_key="only", metadata={"example": ["offer=42"]}
    )


class WhyBody(Strict):
    why = fields.String(required=True, validate=validate.Length(1, 500))


class ReplayBody(Strict):
    revision = fields.String(data_key="with", load_default="current", validate=validate.OneOf(["original", "current"]))


class ReplayManyBody(ReplayBody):
    source = fields.String()
    state = fields.String(validate=validate.OneOf(["done", "dead"]))
    event_type = fields.String(data_key="type")
    since = fields.AwareDateTime(required=True, metadata={"example": "2026-11-24T10:15:00+00:00"})
    until = fields.AwareDateTime()
    per_minute = fields.Integer(load_default=PER_MINUTE, validate=validate.Range(1, 60_000))


class AcceptBody(Strict):
    body = fields.String(metadata={"description": "a corrected body, in the form that the source speaks"})


class DiscardBody(Strict):
    why = fields.String(load_default="", validate=validate.Length(0, 500))


class Page(Schema):
    """A page of a listing."""

    data = fields.List(fields.Dict())
    next = fields.String(allow_none=True, metadata={"description": "give it as `after`; null on the last page"})


class Thing(Schema):
    """One thing, or what an action did."""

    data = fields.Dict()
