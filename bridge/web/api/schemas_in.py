"""Request bodies, as marshmallow schemas that refuse unknown keys."""

from datetime import datetime
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from bridge.config.rules_directory import MAX_RULE_FILE_BYTES
from bridge.operations.replay import PER_MINUTE
from bridge.operations.undo import MAX_RUNS
from bridge.store.holds import HoldState
from bridge.store.journal import EventState
from bridge.store.ledger import EffectState
from bridge.store.roles import Role
from bridge.web.api.words import Word
from rules.model.input_values import plausible
from rules.model.plan import Outcome
from rules.model.revision import Mode

ENTITY_KINDS = ("offer", "publisher", "advertiser", "offer_event", "landing_page", "user")
RULE = """\
schema: 1
id: low-cr
trigger: {every: 15m}
scope: {per: [offer], where: {offer.active: true}}
data: {window: 24h, need: {clicks: 500}}
when: {all: ["cr < 1% @95%"]}
then:
  - pause: offer
"""


class Strict(Schema):
    class Meta:
        unknown = RAISE


class PageQuery(Strict):
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 500))
    after = fields.String(load_default=None, metadata={"description": "id of the last row of the page before"})


def _plausible(value: datetime) -> None:
    """Refuse what every other way of input refuses too."""
    if not plausible(value):
        raise ValidationError(f"is in the year {value.year}; choose a time from 2000 to 2100")


def _moment(example: str = "2026-11-24T10:15:00+00:00", **more: Any) -> fields.AwareDateTime:
    return fields.AwareDateTime(validate=_plausible, metadata={"examples": [example]}, **more)


def _target() -> fields.String:
    return fields.String(validate=validate.Regexp(r"[a-z_]+=.+"), metadata={"examples": ["offer=42"]})


class EventQuery(PageQuery):
    source = fields.String()
    state = fields.String(validate=Word([str(one) for one in EventState]))
    event_type = fields.String(data_key="type")
    since = _moment()


class RunQuery(PageQuery):
    rule = fields.String()
    outcome = fields.String(validate=Word([*map(str, Outcome), "error"]))
    event = fields.String(metadata={"description": "only those that this event caused"})
    target = _target()
    account = fields.String(metadata={"description": "beside `target`: of this account only"})
    since = _moment()


class HoldQuery(PageQuery):
    rule = fields.String()
    target = _target()
    account = fields.String()
    state = fields.String(
        load_default=str(HoldState.ACTIVE),
        validate=Word([*map(str, HoldState), "all"]),
        metadata={"description": "`all`: ended ones too"},
    )


class AuditQuery(PageQuery):
    who = fields.String(metadata={"examples": ["anna"]})
    what = fields.String(metadata={"examples": ["failed sign-in"]})
    since = _moment()


class EffectQuery(PageQuery):
    state = fields.String(validate=Word([str(one) for one in EffectState]))
    rule = fields.String()


class EntityQuery(PageQuery):
    kind = fields.String(validate=Word(ENTITY_KINDS), metadata={"examples": ["offer"]})
    text = fields.String(data_key="q", metadata={"description": "part of the name, or an id"})
    account = fields.String()


class NoticeQuery(PageQuery):
    channel = fields.String(metadata={"examples": ["traffic"]})
    rule = fields.String(metadata={"examples": ["low-cr"]})
    state = fields.String(validate=Word(("waiting", "sent", "silenced", "failed")), metadata={"examples": ["failed"]})


class SearchQuery(Strict):
    text = fields.String(
        data_key="q", required=True, validate=validate.Length(1, 200),
        metadata={"description": "a number, a name, an e-mail address, a transaction, a rule", "examples": ["1009"]},
    )  # fmt: skip
    every = fields.Boolean(
        load_default=False, metadata={"description": "search all webhooks, and not only the newest 20,000"}
    )


class ChangesQuery(PageQuery):
    kind = fields.String(validate=Word(ENTITY_KINDS), metadata={"examples": ["offer"]})
    account = fields.String()
    ref = fields.String(metadata={"description": "Integr8's id of the item"})
    cause = fields.String(validate=Word(("rule", "person", "unknown")), metadata={"examples": ["person"]})


class OfAccountQuery(Strict):
    account = fields.String(
        load_default=None, metadata={"description": "whose; may be left out where one account has such an item"}
    )


class StreamQuery(Strict):
    after = fields.Integer(load_default=None, validate=validate.Range(0, 2**62), metadata={"description": "a run's id"})
    seconds = fields.Integer(load_default=50, validate=validate.Range(0, 50))


class TokenBody(Strict):
    name = fields.String(required=True, validate=validate.Length(1, 100), metadata={"examples": ["grafana"]})
    role = fields.String(required=True, validate=validate.OneOf([str(one) for one in Role]))
    days = fields.Integer(validate=validate.Range(1, 3650), metadata={"description": "it ends after; else never"})


class ExplainQuery(Strict):
    subject = fields.String(required=True, metadata={"examples": ["offer=42"]})
    at = _moment("2026-11-24T10:15:00+00:00", load_default=None)


class OnlyBody(Strict):
    targets = fields.List(
        fields.String(validate=validate.Length(1, 300)),
        data_key="only",
        metadata={"examples": [["offer=42"]], "description": "KIND=ID by either of the two ids, or the id alone"},
    )
    confirm = fields.Integer(
        load_default=None,
        strict=True,
        metadata={
            "description": "how many changes are meant: where it would be another number, 409 and nothing is done"
        },
    )


class RunsBody(Strict):
    runs = fields.List(
        fields.Integer(strict=True, validate=validate.Range(1, 2**63 - 1)),
        required=True,
        validate=validate.Length(1, MAX_RUNS),
    )
    confirm = fields.Integer(
        load_default=None, strict=True, metadata={"description": "how many changes are meant, as for one run"}
    )


class WhyBody(Strict):
    why = fields.String(required=True, validate=validate.Length(1, 500))


class _HaltScope(Strict):
    rule = fields.String(validate=validate.Length(1, 200), metadata={"description": "only this rule"})
    account = fields.String(
        validate=validate.Length(1, 200), metadata={"description": "only this account; of an advertiser: whose it is"}
    )
    advertiser = fields.String(
        validate=validate.Length(1, 200), metadata={"description": "only this advertiser and its offers, by either id"}
    )


class HaltBody(_HaltScope):
    why = fields.String(required=True, validate=validate.Length(1, 500))


class ResumeBody(_HaltScope):
    waiting = fields.String(
        load_default="decide",
        validate=validate.OneOf(["decide", "drop"]),
        metadata={"description": "what becomes of the events and due runs that waited while halted"},
    )


class ReplayBody(Strict):
    revision = fields.String(data_key="with", load_default="current", validate=validate.OneOf(["original", "current"]))


class ReplayManyBody(ReplayBody):
    source = fields.String()
    state = fields.String(validate=Word(["done", "dead"]))
    event_type = fields.String(data_key="type")
    since = _moment("2026-11-24T10:15:00+00:00", required=True)
    until = _moment()
    per_minute = fields.Integer(load_default=PER_MINUTE, validate=validate.Range(1, 60_000))


class AcceptBody(Strict):
    body = fields.String(metadata={"description": "a corrected body, in the form that the source speaks"})


class DiscardBody(Strict):
    why = fields.String(load_default="", validate=validate.Length(0, 500))


class ModeBody(Strict):
    mode = fields.Enum(Mode, by_value=True, required=True, metadata={"examples": ["approve"]})


class BacktestBody(Strict):
    start = _moment("2026-10-01T00:00:00+00:00", data_key="from")
    end = _moment("2026-11-01T00:00:00+00:00", data_key="to")
    against = fields.String(load_default="live", validate=validate.OneOf(["live", "imported"]))
    step_seconds = fields.Integer(
        validate=validate.Range(60, 86_400), metadata={"description": "how often to evaluate; else the rule's interval"}
    )
    sweep = fields.String(
        validate=validate.Length(1, 200),
        metadata={"description": "many thresholds instead of the rule's own", "examples": ["cr=0.2%..0.8%"]},
    )
    compare_with = fields.String(
        validate=validate.Length(1, 64), metadata={"description": "the hash of an earlier revision to stand beside it"}
    )

    @validates_schema
    def _one_question(self, data: dict[str, Any], **_more: Any) -> None:
        if "sweep" in data and "compare_with" in data:
            raise ValidationError("ask for a sweep or for a comparison, not for both", "sweep")


class DoctorQuery(Strict):
    integr8 = fields.Boolean(load_default=False, metadata={"description": "ask Integr8, with reading requests"})
    live = fields.Boolean(
        load_default=False, metadata={"description": "ask Integr8 as well where it has its operations"}
    )


class ChannelMuteBody(Strict):
    channel = fields.String(load_default=None, allow_none=True)
    rule_id = fields.String(load_default=None, allow_none=True, data_key="rule")
    topic = fields.String(load_default=None, allow_none=True, metadata={"examples": ["no_decision"]})
    until = _moment("2026-11-24T12:00:00+00:00", required=True)
    why = fields.String(required=True, validate=validate.Length(1, 500))


class AccountQuery(Strict):
    account = fields.String(load_default="main")
    integration = fields.String(load_default="default")


class ShadowQuery(Strict):
    account = fields.String(load_default="main")
    rule = fields.String(load_default=None, metadata={"examples": ["low-cr"]})
    start = _moment(load_default=None, data_key="from")
    end = _moment(load_default=None, data_key="to")


class ExportBody(AccountQuery):
    table = fields.String(
        required=True,
        data_key="kind",
        validate=validate.OneOf(["clicks", "conversions", "impressions"]),
        metadata={"examples": ["conversions"]},
    )
    start = _moment("2026-10-01T00:00:00+00:00", required=True, data_key="from")
    end = _moment("2026-11-01T00:00:00+00:00", required=True, data_key="to")


class AddressQuery(Strict):
    base_url = fields.URL(
        load_default=None,
        require_tld=False,
        schemes={"http", "https"},
        metadata={"description": "where the service is reached from outside; `public_url` of bridge.yaml by default"},
    )
    kind = fields.String(
        load_default="conversion",
        data_key="type",
        validate=validate.OneOf(["conversion", "event", "click"]),
        metadata={"description": "of an Integr8 postback"},
    )


class TextBody(Strict):
    text = fields.String(
        required=True,
        validate=validate.Length(1, MAX_RULE_FILE_BYTES),
        metadata={"description": "rules as YAML, as they would stand in a file", "examples": [RULE]},
    )


class ChannelBody(Strict):
    channel = fields.String(required=True, validate=validate.Length(1, 60), metadata={"examples": ["traffic"]})
    kind = fields.String(
        required=True,
        validate=validate.OneOf(["apprise", "webhook"]),
        metadata={"description": "apprise: for people; webhook: for a program"},
    )
    address = fields.String(required=True, validate=validate.Length(1, 2_000))


class ServiceAlertsBody(Strict):
    told = fields.Boolean(required=True, metadata={"examples": [True]})


class RotateBody(Strict):
    secret = fields.String(
        load_default="", validate=validate.Length(max=500), metadata={"description": "empty: one is made"}
    )
    base_url = fields.String(load_default=None)


class FetchBody(Strict):
    account = fields.String(load_default="main")
    days = fields.Integer(load_default=30, validate=validate.Range(1, 95))


class MuteBody(Strict):
    item = fields.String(required=True, validate=validate.Length(1, 200), metadata={"examples": ["offer=42"]})
    account = fields.String(
        load_default=None, validate=validate.Length(1, 200), metadata={"description": "only its item; else each one's"}
    )
    rule = fields.String(load_default="*", metadata={"description": "`*`: all rules"})
    until = _moment(load_default=None)
    why = fields.String(required=True, validate=validate.Length(1, 300))


class EndMuteBody(Strict):
    item = fields.String(required=True, validate=validate.Length(1, 200), metadata={"examples": ["offer=42"]})
    account = fields.String(
        load_default=None,
        validate=validate.Length(1, 200),
        metadata={"description": "whose item; may be left out where one account has such an item muted"},
    )
    rule = fields.String(load_default="*", metadata={"description": "`*`: the exception for all rules"})


class SaveBody(TextBody):
    note = fields.String(
        load_default="", validate=validate.Length(max=500), metadata={"description": "why; stands beside the revision"}
    )
    base = fields.String(
        load_default=None,
        metadata={"description": "the revision that the text was made from; refused where it is another one by now"},
    )
    write = fields.Boolean(
        load_default=False, metadata={"description": "write the file even where rules are kept in git"}
    )


class AgreementQuery(AccountQuery):
    start = _moment(load_default=None, data_key="from")
    end = _moment(load_default=None, data_key="to")


class ImportQuery(AgreementQuery):
    name = fields.String(load_default=None, validate=validate.Length(1, 100))
    seen_column = fields.String(load_default=None, validate=validate.Length(1, 100))
    kind = fields.String(required=True, validate=validate.OneOf(["clicks", "conversions", "impressions"]))
