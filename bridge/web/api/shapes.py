"""What goes in, as marshmallow schemas that refuse what they do not know."""

from marshmallow import RAISE, Schema, fields, validate

from bridge.operations.replaying import PER_MINUTE
from bridge.store.ledger import EffectState
from bridge.store.people import Role
from rules.model import Mode


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
    kind = fields.String(metadata={"examples": ["offer"]})
    text = fields.String(data_key="q", metadata={"description": "part of the name, or an id"})


class StreamQuery(Strict):
    after = fields.Integer(load_default=None, validate=validate.Range(0, 2**62), metadata={"description": "a run's id"})
    seconds = fields.Integer(load_default=50, validate=validate.Range(0, 50))


class TokenBody(Strict):
    name = fields.String(required=True, validate=validate.Length(1, 100), metadata={"examples": ["grafana"]})
    role = fields.String(required=True, validate=validate.OneOf([str(one) for one in Role]))
    days = fields.Integer(validate=validate.Range(1, 3650), metadata={"description": "it ends after; else never"})


class ExplainQuery(Strict):
    subject = fields.String(required=True, metadata={"examples": ["offer=42"]})
    at = fields.AwareDateTime(load_default=None, metadata={"examples": ["2026-11-24T10:15:00+00:00"]})


class OnlyBody(Strict):
    targets = fields.List(
        fields.String(validate=validate.Regexp(r"[a-z_]+=.+")), data_key="only", metadata={"examples": [["offer=42"]]}
    )


class WhyBody(Strict):
    why = fields.String(required=True, validate=validate.Length(1, 500))


class ReplayBody(Strict):
    revision = fields.String(data_key="with", load_default="current", validate=validate.OneOf(["original", "current"]))


class ReplayManyBody(ReplayBody):
    source = fields.String()
    state = fields.String(validate=validate.OneOf(["done", "dead"]))
    event_type = fields.String(data_key="type")
    since = fields.AwareDateTime(required=True, metadata={"examples": ["2026-11-24T10:15:00+00:00"]})
    until = fields.AwareDateTime()
    per_minute = fields.Integer(load_default=PER_MINUTE, validate=validate.Range(1, 60_000))


class AcceptBody(Strict):
    body = fields.String(metadata={"description": "a corrected body, in the form that the source speaks"})


class DiscardBody(Strict):
    why = fields.String(load_default="", validate=validate.Length(0, 500))


class ModeBody(Strict):
    mode = fields.Enum(Mode, by_value=True, required=True, metadata={"examples": ["approve"]})


class BacktestBody(Strict):
    start = fields.AwareDateTime(required=True, data_key="from", metadata={"examples": ["2026-10-01T00:00:00+00:00"]})
    end = fields.AwareDateTime(required=True, data_key="to", metadata={"examples": ["2026-11-01T00:00:00+00:00"]})
    against = fields.String(load_default="live", validate=validate.OneOf(["live", "imported"]))
    step_seconds = fields.Integer(
        validate=validate.Range(60, 86_400), metadata={"description": "how often to look; else the rule's interval"}
    )


class DoctorQuery(Strict):
    integr8 = fields.Boolean(load_default=False, metadata={"description": "ask Integr8, with reading requests"})


class SilenceBody(Strict):
    channel = fields.String(load_default=None, allow_none=True)
    rule_id = fields.String(load_default=None, allow_none=True, data_key="rule")
    topic = fields.String(load_default=None, allow_none=True, metadata={"examples": ["no_decision"]})
    until = fields.AwareDateTime(required=True, metadata={"examples": ["2026-11-24T12:00:00+00:00"]})
    why = fields.String(required=True, validate=validate.Length(1, 500))


class AgreementQuery(Strict):
    account = fields.String(load_default="main")
    integration = fields.String(load_default="default")
    start = fields.AwareDateTime(load_default=None, data_key="from")
    end = fields.AwareDateTime(load_default=None, data_key="to")


class ImportQuery(AgreementQuery):
    kind = fields.String(required=True, validate=validate.OneOf(["clicks", "conversions", "impressions"]))
