"""The sections of a rule that are plain settings: data, guards, approve, notify, release's amounts, triggers."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from marshmallow import ValidationError, fields, post_load

from rules.language.fields import (
    Amounts,
    Clock,
    Flag,
    Length,
    OneOrMany,
    Settle,
    Share,
    StrictSchema,
    Text,
    Whole,
    WindowOf,
    Word,
    Words,
    Zone,
)
from rules.model.local_time import DAYS
from rules.model.revision import (
    ALWAYS_KEPT,
    Approve,
    AtMost,
    Budget,
    Canary,
    Data,
    Dimension,
    Every,
    Guards,
    KeepActive,
    Missed,
    Mode,
    Notify,
    Quiet,
)
from rules.model.spelling import listed
from rules.model.topics import FOR_RULES

KEEPABLE: Mapping[str, Dimension] = {"offers": "offer", "publishers": "publisher", "advertisers": "advertiser"}
_FASTEST = timedelta(seconds=10)


class Identifier(Text):
    """A rule's name: it is used in addresses, file names and on the command line."""

    def understood(self, value: Any) -> str:
        name = super().understood(value)
        if not (name[:1].isalnum() and all(c.isascii() and (c.isalnum() or c in "-_") for c in name)):
            raise ValidationError(f"'{name}' is not an id; an id is made of letters, digits, - and _")
        return name


class Version(Whole):
    """The version of the language."""

    def understood(self, value: Any) -> int:
        if value != 1 or isinstance(value, bool):
            raise ValidationError("this version of the bridge reads schema: 1")
        return 1


class HeaderSchema(StrictSchema):
    """The single values at the top of a rule."""

    id = Identifier(required=True, longest=80)
    title = Text(load_default="")
    owner = Text(load_default="")
    note = Text(load_default="", longest=2_000)
    schema = Version(required=True)
    mode = Word(*(mode.value for mode in Mode), load_default="shadow")
    priority = Whole(least=-1_000, most=1_000, load_default=0)
    account = Text(load_default="main")
    integration = Text(load_default="default")
    on_failure = Word("undo", "keep", "ask", load_default="ask")


class DataSchema(StrictSchema):
    window = WindowOf()
    settle = Settle()
    need = Amounts()
    fresh = Length(least=timedelta(minutes=1))
    tz = Zone()

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Data:
        return Data(**data)


class AtMostSchema(StrictSchema):
    targets = Whole(least=1)
    share = Share()
    revenue_24h = Share()

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> AtMost:
        return AtMost(**data)


class KeepActiveSchema(StrictSchema):
    offers = Whole(least=1)
    publishers = Whole(least=1)
    advertisers = Whole(least=1)
    per = Word(*ALWAYS_KEPT, load_default=None)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> KeepActive:
        found = [name for name in KEEPABLE if name in data]
        if len(found) != 1:
            raise ValidationError(f"needs exactly one of {listed(KEEPABLE)}, such as offers: 1")
        if data["per"] is not None and (found, data["per"]) != (["offers"], "advertiser"):
            raise ValidationError("an offer belongs to an advertiser, and nothing else to a group", "per")
        return KeepActive(kind=KEEPABLE[found[0]], count=data[found[0]], per=cast("Dimension | None", data["per"]))


class HoursSchema(StrictSchema):
    """Hours of the day; the zone is filled in from `data.tz` where none is given."""

    start = Clock(required=True, data_key="from")
    end = Clock(required=True, data_key="to")
    tz = Zone(load_default="")
    days = Words(*DAYS, load_default=DAYS)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Quiet:
        days = tuple(sorted({DAYS.index(day) for day in data.pop("days")}))
        return Quiet(**data, days=days)


class CanarySchema(StrictSchema):
    targets = Whole(least=1, required=True)
    wait = Length(least=timedelta(minutes=1), required=True)
    revenue_drop = Share()

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Canary:
        return Canary(**data)


class GuardsSchema(StrictSchema):
    at_most = fields.Nested(AtMostSchema)
    if_over = Word("approve", "stop")
    cooldown = Length()
    per_day = Whole(least=1)
    budgets = Words()
    keep_active = OneOrMany(fields.Nested(KeepActiveSchema))
    quiet = OneOrMany(fields.Nested(HoursSchema))
    active = OneOrMany(fields.Nested(HoursSchema))
    canary = fields.Nested(CanarySchema)
    errors = Whole(least=1)
    respect_people = Length()

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Guards:
        for name in ("keep_active", "quiet", "active"):
            if name in data:
                data[name] = tuple(data[name])
        if "budgets" in data:
            data["budgets"] = tuple(Budget(name) for name in dict.fromkeys(data["budgets"]))
        return Guards(**data)


class ApproveSchema(StrictSchema):
    by = Words()
    within = Length(least=timedelta(minutes=1))
    otherwise = Word("drop", "proceed", "escalate")
    escalate_to = Words()
    recheck = Flag()

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Approve:
        if data.get("otherwise") == "escalate" and not data.get("escalate_to"):
            raise ValidationError("otherwise: escalate needs escalate_to with at least one channel", "otherwise")
        return Approve(**data)


class NotifySchema(StrictSchema):
    about = Words(*FOR_RULES, required=True)
    to = Words(required=True)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Notify:
        return Notify(**data)


# --- triggers --------------------------------------------------------------------------------------


class EverySchema(StrictSchema):
    every = Length(least=_FASTEST, required=True)
    missed = Word(*(word.value for word in Missed), load_default="run_once")

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Every:
        return Every(data["every"], Missed(data["missed"]))


class CronSchema(StrictSchema):
    cron = Text(required=True)
    tz = Zone(load_default="")
    missed = Word(*(word.value for word in Missed), load_default="run_once")


class WebhookSchema(StrictSchema):
    source = Text(required=True)
    event = Text(load_default=None)
    dedupe = fields.Raw(load_default=None)
    order_by = fields.Raw(load_default=None)
    order_per = fields.Raw(load_default=None)


class SilenceSchema(StrictSchema):
    source = Text(required=True)
    duration = Length(least=timedelta(minutes=1), required=True, data_key="for")
    event = Text(load_default=None)
