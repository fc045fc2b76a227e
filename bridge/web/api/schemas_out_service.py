"""Answers about the service itself: sources, channels, feeds, users."""

from marshmallow import Schema, fields

from bridge.web.api.fields import Free, counts, number, old, truth, when, whole, word, words


class CheckRow(Schema):
    name = word(example="database")
    status = word("ok, warn or fail", "ok")
    detail = word()
    remedy = word()


class OverviewRow(Schema):
    events = counts("by state")
    runs = counts("of 24 hours, by outcome")
    effects = counts("by state")
    waiting = whole("plans that wait for a person", 2)
    holds = whole(example=40)
    checks = fields.List(fields.Nested(CheckRow))


class DoctorRow(Schema):
    well = truth("nothing is broken")
    checks = fields.List(fields.Nested(CheckRow))
    paste = words("with `live`: pieces of bridge.yaml for accounts whose routes differ")


class SourceRow(Schema):
    source = word(example="crm")
    authentication = word(example="standard-webhooks")
    proof = old(word, "authentication")
    format = word(example="json")
    path = word(example="/hooks/crm")
    warnings = words()


class AddressRow(Schema):
    source = word(example="postback")
    url = word(example="https://bridge.example.com/hooks/postback/TOKEN?type=conversion&tx={transaction_id}")


class SampleRow(Schema):
    source = word(example="crm")
    curl = word("a command line that sends a test event", "curl -sS -H 'authorization: Bearer …' https://…/hooks/crm")


class TriedRow(Schema):
    source = word(example="crm")
    status = whole("of the answer", 202)
    answer = word("its body")


class FindingsRow(Schema):
    ok = truth("nothing has to be mended")
    errors = words("place: what is wrong; what to do")
    warnings = words("what is only unwise")
    rules = words("ids of the rules that can be used")


class ChannelRow(Schema):
    channel = word(example="traffic")
    kind = word(example="apprise")
    waiting = whole(example=0)
    sent = whole(example=118)
    failed = whole(example=0)
    failures = whole("in a row", 0)
    disabled_at = when()
    disabled_why = word()


class SentRow(Schema):
    channel = word(example="traffic")
    result = word("taken, or why not", "taken")
    words = word("what the other side said")


class AddedChannelRow(Schema):
    channel = word(example="traffic")
    entry = word("the line in bridge.yaml")
    secret = word("the key of a webhook, which checks our signatures; empty for people")


class NoticeRow(Schema):
    id = whole(example=7)
    channel = word(example="traffic")
    topic = word(example="paused")
    state = word(example="waiting")


class MessageRow(NoticeRow):
    rule_id = word(example="low-cr")
    text = word(example="offer 42 is paused")
    created_at = when()
    due_at = when("of the next try, while it waits")
    ended_at = when()
    attempts = whole("tries so far", 1)
    error = word("the last answer that was no success")


class MessageStory(MessageRow):
    request = Free(allow_none=True, metadata={"description": "the body of the request; null for people and secrets"})


class HitRow(Schema):
    kind = word("offer, publisher, advertiser, rule, run or webhook", "offer")
    name = word(example="Summer sale")
    hint = word("what tells it from others", "offer 42")
    address = word("its page of the console", "/items/offer/42")
    exact = truth("whether the text is its whole name or id")


class RotatedRow(Schema):
    source = word(example="crm")
    url = word("the whole address, with its token where it has one")
    secret = word()


class SourceName(Schema):
    source = word(example="crm")


class BackfillRow(Schema):
    account = word(example="main")
    integration = word(example="default")
    kind = word(example="clicks")
    since = when("from when on everything is there")
    start = when("how far back is being read; null: nothing is")
    end = when()
    rows = whole("read so far")
    pages = whole()
    problem = word()


class ServiceChannelsRow(Schema):
    channels = words("that are told of problems of the service itself")


class EnabledRow(Schema):
    channel = word(example="traffic")
    repeated = whole("notices that are tried again", 3)


class ChannelMuteRow(Schema):
    id = whole(example=3)
    channel = word("null: all of them")
    rule_id = word()
    topic = word(example="no_decision")
    until = when()
    by = word()
    why = word()


class FeedRow(Schema):
    feed = word(example="main/default/clicks")
    complete_from = when()
    as_of = when()
    age_seconds = whole(example=95)
    facts = whole("clicks, conversions or impressions that are kept", 120_000)
    bytes = whole("what they take up", 2_400_000)
    refused_rows = whole("rows that could not be read", 0)
    problem = word()


class DifferingRow(Schema):
    hour = when()
    offer = word(example="42")
    reports = whole(example=12)
    postbacks = whole(example=11)
    lost = whole(example=1)


class AgreementRow(Schema):
    reports = whole("conversions by reports", 1200)
    postbacks = whole("conversions by postbacks", 1198)
    differing = fields.List(fields.Nested(DifferingRow))


class ReportImportRow(Schema):
    id = whole(example=7)
    name = word(example="october")
    file = word(example="october.csv")
    feed = word(example="main/default/conversions")
    by = word(example="ann")
    begun_at = when()
    state = word("complete, broken off or removed", "complete")
    rows = whole(example=100_000)
    new = whole(example=98_213)
    changed = whole(example=12)
    refused_rows = whole(example=3)
    first_event = when()
    last_event = when()


class RemovedImportRow(Schema):
    id = whole("of the import that was removed", 7)
    facts = whole("that were written to take its rows back", 98_225)


class ImportedRow(Schema):
    id = whole("of the import, with which it can be removed", 7)
    rows = whole(example=100_000)
    new = whole(example=98_213)
    changed = whole(example=12)
    refused = words("the first rows that could not be read, by line")
    refused_rows = whole("how many could not be read", 3)
    left_out = whole("rows of hours of which only sums are kept", 0)
    notes = words("how the file was understood")
    joined = truth("nothing is missing between the file and what was read from the reports")


class AskedRow(Schema):
    feeds = words("that are read now")


class WouldHaveRow(Schema):
    rule = word(example="low-cr")
    at = when()
    kind = word(example="offer")
    target = word(example="42")
    verb = word(example="pause")
    reason = word()
    people = word("same, opposite, or nobody: what was done by hand within a day", "same")
    person_at = when("when it was done by hand")
    lead_seconds = whole("how much earlier the rule was; negative: later", 5400)


class MissedRow(Schema):
    at = when()
    kind = word(example="offer")
    target = word(example="43")


class ShadowRow(Schema):
    would_have = fields.List(fields.Nested(WouldHaveRow))
    paused_by_hand_only = fields.List(fields.Nested(MissedRow))
    same = whole(example=12)
    opposite = whole(example=1)
    nobody = whole(example=3)


class ExportRow(Schema):
    id = word(example="exp_7f3a")
    status = word("PENDING, IN_PROGRESS, COMPLETED, ERROR or CANCELED", "COMPLETED")
    rows = whole("once Integr8 tells it", 98_213)
    url = word("where the file is, once it is there; it can be fetched for a while")
    left_today = whole("exports that may still be started", 9)


class HourRow(Schema):
    at = when()
    requests = whole(example=360)
    failed = whole(example=2)
    waited = number("mean seconds for the budget", 0.1)
    took = number("mean seconds", 0.2)
    slowest = number("seconds", 1.4)
    share = number("of what the budget allowed", 0.02)


class OperationRow(Schema):
    name = word(example="offers.bulk_status")
    requests = whole(example=40)
    errors = counts("by outcome")
    failed = whole(example=1)
    took = number("mean seconds", 0.2)
    slowest = number("seconds", 1.4)


class ExportsRow(Schema):
    account = word(example="main")
    limit = whole("in 24 hours", 10)
    left = whole(example=9)
    next_free = when()


class UsageRow(Schema):
    hours = fields.List(fields.Nested(HourRow))
    operations = fields.List(fields.Nested(OperationRow))
    exports = fields.List(fields.Nested(ExportsRow))


class AuditRow(Schema):
    id = whole()
    at = when()
    who = word(example="anna")
    what = word(example="halt")
    about = word(example="service")
    detail = Free(allow_none=True)


class HaltRow(Schema):
    since = when()
    by = word(example="anna")
    why = word(example="tracking outage at advertiser 7")
    scope = word("what is halted: all, rule, account or advertiser", "advertiser")
    name = fields.String(
        allow_none=True, metadata={"description": "of the rule, account or advertiser", "example": "7"}
    )
    account = fields.String(allow_none=True, metadata={"description": "of an advertiser", "example": "main"})


class WaitingRow(Schema):
    events = whole("received and not decided about", example=12)
    runs = whole("of rules, due by the clock", example=3)
    effects = whole("planned before the halt", example=0)


class OpenHaltRow(HaltRow):
    id = whole(example=3)
    waiting = fields.Nested(WaitingRow)


class ResumedRow(Schema):
    was_halted = truth()
    since = when()
    why = word()
    waiting = fields.Nested(WaitingRow)
    dropped_events = words("ids of events that were dropped because that was asked for")
    dropped_runs = words("rules and due times that were dropped because that was asked for")


class TokenRow(Schema):
    id = whole(example=3)
    name = word(example="grafana")
    role = word(example="viewer")
    created_at = when()
    created_by = word()
    expires_at = when()
    last_used_at = when()
    revoked_at = when()


class NewToken(Schema):
    name = word(example="grafana")
    role = word(example="viewer")
    token = word("shown here and nowhere else", "ib_3f9a85c0d1e2_…")


class RevokedToken(Schema):
    id = whole(example=3)
    name = word(example="grafana")
    revoked_at = when()


class UserRow(Schema):
    id = whole(example=2)
    name = word(example="anna")
    email = word(example="anna@example.com")
    role = word(example="operator")
    must_change = truth("the password is a generated one")
    created_at = when()
    created_by = word()
    last_sign_in_at = when()
    disabled_at = when()
    oidc = truth("signs in through the company's own login")


class NewUser(Schema):
    id = whole(example=2)
    name = word(example="anna")
    password = word("shown here and nowhere else")
