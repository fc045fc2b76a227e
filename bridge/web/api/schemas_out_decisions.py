"""Answers about events, runs, effects and entities. A schema names the columns that are shown."""

from marshmallow import Schema, fields

from bridge.web.api.fields import Free, money, truth, when, whole, word, words


class EventRow(Schema):
    id = word(example="01KB3X9M4Q0V7T2F5D8N6R1SAZ")
    source = word(example="crm")
    event_type = word(example="deal.signed")
    delivery_id = word("the sender's own id")
    received_at = when()
    event_time = when("when it happened, as the sender says")
    state = word("received, done, quarantined or dead", "done")
    problem = word("why it was quarantined")
    faults = words("values that were dropped because they were wrong, each with its place")
    replay_of = word("the event that this one repeats")


class CausedRun(Schema):
    run = whole(example=812)
    rule = word(example="low-cr")
    outcome = word(example="ready")


class EventStory(EventRow):
    body = Free(allow_none=True, metadata={"description": "what it says, without secrets"})
    runs = fields.List(fields.Nested(CausedRun))


class RunRow(Schema):
    id = whole(example=812)
    rule_id = word(example="low-cr")
    revision = word("hash of the rule's text", "3f9a85c0d1e2b4a6")
    mode = word(example="live")
    cause = word("event, slot, replay, undo or hand", "slot")
    event_id = word()
    by = word("who asked, for runs asked for by hand")
    due_at = when()
    started_at = when()
    data_as_of = when("how far the data behind it was complete")
    yes = whole(example=2)
    no = whole(example=37)
    no_decision = whole(example=1)
    outcome = word("of its plan, or error", "ready")
    error = word()


class VerdictRow(Schema):
    subject = word(example="offer=42")
    answer = whole("1 yes, 0 no, -1 no decision", 1)
    why = Free(allow_none=True)
    reason = word(example="conversion rate 0.10% (1 of 1,000 clicks) is below 1.00% with 95% confidence")
    trace = Free(metadata={"description": "each condition with value, threshold, sample, window and age"})


class CallOfEffect(Schema):
    id = whole()
    operation = word(example="offers.bulk_status")
    outcome = word("ok, refused, unknown, unreachable, throttled; null while it is under way", "ok")


class EffectCore(Schema):
    id = whole(example=31)
    verb = word(example="pause")
    kind = word(example="offer")
    target_id = word(example="42")
    subject = word(example="offer=42")
    wanted = Free(metadata={"description": "the state that was wanted", "examples": [{"active": False}]})
    prior = Free(allow_none=True, metadata={"description": "the state before, as it was read"})
    state = word("planned, claimed, sent, applied, skipped, failed, unknown", "applied")
    reason = word()
    error = word()
    ended_at = when()


class EffectRow(EffectCore):
    plan_id = whole(example=12)
    rule_id = word(example="low-cr")


class CallRow(CallOfEffect):
    started_at = when()
    ended_at = when()
    status = whole("of the HTTP answer", 200)
    error = word()


class CallOfAccount(CallRow):
    account = word(example="main")
    targets = whole("how many effects it carries", 40)


class EffectStory(EffectRow):
    calls = fields.List(fields.Nested(CallRow))


class PlannedEffectRow(EffectCore):
    calls = fields.List(fields.Nested(CallOfEffect))


class PlanRow(Schema):
    id = whole(example=12)
    state = word(example="waiting")
    created_at = when()
    stops = fields.List(Free(), metadata={"description": "guards that stopped it: guard, message, subject, target"})
    money_24h = money("revenue of its targets in 24 hours")
    decide_by = when()
    expires_at = when("what has not been sent by then is given up; null where nothing is to be sent")
    decision = word("approved, rejected, expired, proceeded, escalated")
    decided_by = word()
    difference = Free(
        allow_none=True, metadata={"description": "what the second evaluation changed at the moment of approval"}
    )
    effects = fields.List(fields.Nested(PlannedEffectRow))


class WaitingPlan(PlanRow):
    rule_id = word(example="low-cr")
    run_id = whole(example=812)


class ResultRow(Schema):
    row = whole("of the file", 2)
    status = word("waiting, done, nothing, partly, failed, undone, quarantined or dead", "done")
    event = word(example="01J8Z3W6Q2M4T5V7X9Y0A1B2C3")
    runs = word(example="812")
    made = word("what exists by now at Integr8", "publisher 42 created")
    message = word()


class RunStory(RunRow):
    verdicts = fields.List(fields.Nested(VerdictRow))
    plans = fields.List(fields.Nested(PlanRow))


class WantedRow(Schema):
    does = word(example="pause offer 42")
    kind = word(example="offer")
    target_id = word(example="42")
    reason = word()
    reason_now = word()
    money_24h = money()
    money_now = money()
    gone = word("why a yes would leave it out; null: it stays")


class ReviewRow(Schema):
    plan_id = whole(example=12)
    run_id = whole(example=812)
    rule = word(example="low-cr")
    since = when()
    decide_by = when()
    by = words("who may answer; empty: any operator")
    escalated = truth()
    money_24h = money()
    currency = word("of the money", "USD")
    why = words("it waits")
    effects = fields.List(fields.Nested(WantedRow))
    new_since = words("wanted by now, and not part of it")
    problem = word("why it could not be looked at again")
    changed = word("one line", "1 of 3 dropped out")


class AnsweredRow(Schema):
    plan_id = whole(example=12)
    state = word(example="ready")
    kept = whole(example=2)
    dropped = words("one sentence each")


class UndoneRow(Schema):
    run_id = whole("the run that takes the other one back", 813)
    outcome = word(example="ready")
    effects = words("what it does")
    left = words("one sentence for each target that stays as it is")


class UndoneRunRow(Schema):
    run = whole("the run that was to be undone", 812)
    undone = fields.Nested(UndoneRow, allow_none=True)
    problem = fields.String(allow_none=True, metadata={"description": "why this one was not undone"})


class UndoneRunsRow(Schema):
    runs = fields.List(fields.Nested(UndoneRunRow))


class HoldRow(Schema):
    id = whole(example=31)
    rule_id = word(example="low-cr")
    account = word(example="main")
    kind = word(example="offer")
    target_id = word(example="42")
    subject = word(example="offer=42")
    since = when()
    until = when("null: until someone lets go")
    count = whole("the rule's n-th hold in a row; 0: it proves nothing, as a cap of lose_at_most", 1)
    state = word(example="active")
    ended_at = when()
    ended_why = word()


class ReleasedRow(Schema):
    returns = words("targets that go back")
    stays = words("one sentence for each that does not")


class SecretRow(Schema):
    secret = fields.Dict(
        keys=fields.String(), values=fields.String(), metadata={"description": "what was made, and its password"}
    )


class EntityRow(Schema):
    id = whole()
    account = word(example="main")
    integration = word(example="default")
    kind = word(example="offer")
    ref = word("Integr8's own id")
    number = word("the id in links and reports", "42")
    name = word(example="Summer sale")
    active = truth()
    first_seen = when()
    last_seen = when()
    changed_at = when()
    gone_at = when("when it was no longer listed")


class ChangeRow(Schema):
    seen_at = when()
    field = word(example="active")
    before = Free(allow_none=True)
    after = Free(allow_none=True)
    cause = word("rule, person or unknown", "person")
    rule = word()


class ChangeOfItemRow(ChangeRow):
    id = whole(example=812)
    account = word(example="main")
    kind = word(example="offer")
    ref = word("Integr8's id of the item", "v2yqqpc7mb")


class MomentRow(Schema):
    at = when()
    kind = word("change, effect, hold or check", "effect")
    who = word(example="rule low-cr")
    what = word(example="paused")
    detail = word("why", "conversion rate 0.10% (1 of 1,000 clicks) is below 1.00%")
    state = word(example="applied")
    run_id = whole(example=812)
    rule_id = word(example="low-cr")
    event_id = word("the webhook that caused it")
    undone_by = whole("the run that undid it")
    times = whole("checks in a row with this answer", 1)
    since = when("of the first of them")


class EntityStory(EntityRow):
    fields_ = Free(data_key="fields", attribute="fields", metadata={"description": "all that Integr8 says of it"})
    changes = fields.List(fields.Nested(ChangeRow))
    moments = fields.List(fields.Nested(MomentRow), metadata={"description": "what happened to it, the newest first"})


class EventName(Schema):
    event_id = word(example="01KB3X9M4Q0V7T2F5D8N6R1SAZ")


class ReplayedRow(Schema):
    events = whole("how many go through the rules again", 120)


class CancelledRow(Schema):
    cancelled = whole(example=80)


class MuteRow(Schema):
    id = word(example="*:main:offer=42")
    rule_id = word("`*`: all rules", "*")
    account = word(example="main")
    kind = word(example="offer")
    target_id = word(example="42")
    until = when()
    why = word()


class MadeMuteRow(MuteRow):
    accounts = words("each has such an item, and each one's is left alone")


class EndedMuteRow(Schema):
    item = word(example="offer=42")
    rule = word(example="low-cr")
    ended = truth("false: there was none")
