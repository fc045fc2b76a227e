"""What goes in and comes out, as marshmallow schemas; rows are made by `dump` from plain mappings."""

from marshmallow import RAISE, Schema, fields, validate

from bridge.operations.replaying import PER_MINUTE
from bridge.store.ledger import EffectState
from bridge.store.people import Role


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


class EffectQuery(PageQuery):
    state = fields.String(validate=validate.OneOf([str(one) for one in EffectState]))
    rule = fields.String()


class EntityQuery(PageQuery):
    kind = fields.String(metadata={"example": "offer"})
    text = fields.String(data_key="q", metadata={"description": "part of the name, or an id"})


class StreamQuery(Strict):
    after = fields.Integer(load_default=None, validate=validate.Range(0, 2**62), metadata={"description": "a run's id"})
    seconds = fields.Integer(load_default=50, validate=validate.Range(0, 50))


class TokenBody(Strict):
    name = fields.String(required=True, validate=validate.Length(1, 100), metadata={"example": "grafana"})
    role = fields.String(required=True, validate=validate.OneOf([str(one) for one in Role]))
    days = fields.Integer(validate=validate.Range(1, 3650), metadata={"description": "it ends after; else never"})


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
