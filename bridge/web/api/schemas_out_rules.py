"""Answers about rules."""

from marshmallow import Schema, fields

from bridge.web.api.fields import AT, Free, old, old_name, truth, when, whole, word, words
from rules.model.revision import Mode


class RuleRow(Schema):
    id = word(example="low-cr")
    title = word(example="Pause an offer that hardly converts")
    owner = word(example="traffic-team")
    mode = fields.Enum(Mode, by_value=True, metadata={"examples": ["live"]})
    revision = word(example="3f9a85c0d1e2b4a6")
    file = word(example="rules/low-cr.yaml")
    stale = truth("its newest text is broken, this is the last good one")


class RevisionRow(Schema):
    revision = word(example="3f9a85c0d1e2b4a6")
    file = word(example="rules/low-cr.yaml")
    first_seen_at = when()
    text = word("the YAML as it was written")


class RevisionName(Schema):
    revision = word(example="3f9a85c0d1e2b4a6")
    first_seen_at = when()


class RuleStory(Schema):
    id = word(example="low-cr")
    live = word("the revision in force; null where it is not loaded", "3f9a85c0d1e2b4a6")
    text = word("the YAML as it was written")
    history = fields.List(fields.Nested(RevisionName))


class TestRow(Schema):
    __test__ = False  # the name begins like a test's
    test = word(example="line 24")
    expect = word(example="yes")
    answer = word(example="yes")
    passed = truth()
    message = word()


class DraftRow(Schema):
    ok = truth("nothing has to be mended")
    errors = words("text:line:column: what is wrong; what to do")
    warnings = words("what is only unwise")
    rules = words("ids of the rules that can be used")
    tests = fields.List(fields.Nested(TestRow))


class ChangedRow(Schema):
    subject = word(example="offer=42")
    before = word("what the live revision says; `-`: it does not evaluate it", "no")
    after = word(example="yes")
    why = word()


class DiffRow(Schema):
    rule = word(example="low-cr")
    before = word("the live revision; null for a rule that is new", "3f9a85c0d1e2b4a6")
    after = word(example="77ab85c0d1e2b4a6")
    same = whole("subjects about which they agree", 37)
    changes = fields.List(fields.Nested(ChangedRow))


class ComparedRow(Schema):
    rules = fields.List(fields.Nested(DiffRow))


class SavedRow(Schema):
    rule = word(example="low-cr")
    file = word(example="rules/low-cr.yaml")
    revision = word(example="3f9a85c0d1e2b4a6")
    written = truth("false: only the patch is given, `why_not` says why")
    is_new = truth()
    patch = word("the change as a unified diff")
    why_not = word()


class TemplateRow(Schema):
    name = word(example="low-cr")
    title = word()
    note = word("what it is for, and when not to use it")
    text = word("the YAML")


class PastItemRow(Schema):
    kind = word(example="offer")
    id = word(example="42")
    why = word()
    judged = word("right, wrong or open, by what is known now", "open")


class PastRow(Schema):
    days = whole(example=30)
    hours = fields.Float(metadata={"description": "between two checks", "examples": [6.0]})
    decided = truth("false: nothing could be decided, the figures say nothing")
    pauses = whole()
    touched = whole("items")
    waiting = whole("checks whose plan would have waited for a person")
    false_alarms = whole()
    loss_avoided = word("in the network's currency", "120.50")
    profit_forgone = word("in the network's currency", "8.00")
    kept = old(word, "loss_avoided")
    lost = old(word, "profit_forgone")
    warnings = words()
    items = fields.List(fields.Nested(PastItemRow))


class PastEvaluationRow(Schema):
    run_id = whole(example=812)
    at = word(example=AT)
    answer = word("null: it was not in scope", "no")
    outcome = word()
    did = words()
    stopped_by = words()


class ExplanationRow(Schema):
    rule = word(example="low-cr")
    revision = word(example="3f9a85c0d1e2b4a6")
    at = word(example=AT)
    subject = word(example="offer=42")
    answer = word("yes, no or no_decision", "yes")
    why = word(example="known")
    reason = word()
    outside = word("why the rule does not evaluate this subject")
    stopped_by = words()
    would_do = words()
    trace = Free(metadata={"description": "each condition with value, threshold, sample, window and age"})
    evaluations = fields.List(fields.Nested(PastEvaluationRow))
    looks = fields.List(fields.Nested(PastEvaluationRow), metadata=old_name("evaluations"))
    text = word("the whole as the command line prints it")


class ReloadedRow(Schema):
    rules = whole(example=12)
    changed = truth()
    problems = words("file:line:column: what is wrong")


class MovedRow(Schema):
    rule = word(example="low-cr")
    before = word(example="shadow")
    mode = word(example="approve")
    file = word(example="rules/low-cr.yaml")
    revision = word(example="3f9a85c0d1e2b4a6")


class BacktestJobRow(Schema):
    id = whole(example=19)
    rule_id = word(example="low-cr")
    revision = word(example="3f9a85c0d1e2b4a6")
    start = when()
    end = when()
    step_seconds = whole("null: the rule's own interval")
    against = word("live or imported", "live")
    by = word(example="anna")
    asked_at = when()
    state = word("waiting, running, done or failed", "running")
    evaluations = whole("how many it will be; null until the past is loaded", 2881)
    evaluations_done = whole(example=1310)
    evaluating_at = when("the moment of the past that it has come to")
    looks = old(whole, "evaluations")
    looks_done = old(whole, "evaluations_done")
    looking_at = old(when, "evaluating_at")
    ended_at = when()
    problem = word("why it ended without an answer")
    backtest_id = whole("what came out, once it is done")
    kind = word("backtest, sweep or compare", "backtest")
    answer = Free(allow_none=True, metadata={"description": "what came out of a sweep or a comparison"})


class CostRow(Schema):
    rule = word(example="low-cr")
    a_day = whole("clicks, or whatever the ratio is made of", 2000)
    subjects = whole("with traffic in the last week; 0: typical volumes are shown", 812)
    honest_paused = word("of subjects exactly at the threshold, within 30 days", "4%")
    better_paused = word("of subjects 1.5 times as good", "0%")
    unnoticed_hours = word("until half of the collapses to a quarter are found", "35")
    passed = whole("what passes meanwhile", 2917)
    missing_revenue = word("what that lacks, compared with traffic at the threshold", "12.40")
    delays = truth("the time that conversions take is in the hours")
    limit = word("what lose_at_most changes in these figures; empty without it", "")
    rises = truth("the rule acts above its threshold: the figures are of a rise to four times")


class BacktestRow(Schema):
    id = whole(example=7)
    rule_id = word(example="low-cr")
    revision = word(example="3f9a85c0d1e2b4a6")
    made_at = when()
    by = word()
    start = when()
    end = when()
    against = word("live: as it was known then; imported: as an export has it", "live")
    figures = Free(
        metadata={"description": "evaluations, subjects, pauses, false alarms, money, the first fires, and costs"}
    )
