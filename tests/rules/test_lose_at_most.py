"""`lose_at_most`: what an item may have cost before the evidence decides, and what happens beyond that."""

from datetime import timedelta

import pytest

from rules.evaluation.evaluate import evaluate
from rules.language.canonical import document_of
from rules.language.render import to_yaml
from rules.loading.load import load
from rules.model.environment import Environment
from rules.model.verdicts import Answer

WHEN = "[cr < 1% @95% a month]"
DATA = "{window: 7d, need: {clicks: 100}}"
PAUSE = "[{pause: offer, hold: 12h}]"
DAYS = [24 * day + 13 for day in range(20)]  # hours back, the newest first


def each_day(amount, days=DAYS):
    return [(hours, amount) for hours in days]


def judged(rule, facts, more, **given):
    made = rule(WHEN, data=DATA, then=PAUSE, more=more, **given)
    return evaluate(made, facts, facts.now)


@pytest.fixture
def slow(offers):
    """20 days of 50 clicks, 4 conversions of 10 instead of 10: 60 lost, and too little to prove anything."""
    return offers().add(
        7,
        clicks=each_day(50),
        conversions=[(13, 1), (133, 1), (253, 1), (373, 1)],
        revenue=[(13, 10), (133, 10), (253, 10), (373, 10)],
    )


def test_too_much_lost_without_a_proof_is_undecided(rule, slow):
    found = judged(rule, slow, "lose_at_most: 50 USD")
    assert found.answers[0] == Answer.NO
    assert found.over_loss_limit[0]
    assert not judged(rule, slow, "lose_at_most: 70 USD").over_loss_limit[0]


def test_a_rule_without_a_limit_has_nobody_undecided(rule, slow):
    assert judged(rule, slow, "").over_loss_limit is None


def test_the_explanation_says_what_was_lost_since_when(rule, slow):
    verdict = judged(rule, slow, "lose_at_most: 50 USD").explain(0)
    assert verdict.answer is Answer.NO
    assert "about 60.00 lost since" in verdict.reason
    assert "6 beyond 1.00%, 10.00 each" in verdict.reason
    assert verdict.reason.endswith("the evidence does not decide: a person is asked")
    assert verdict.trace.parts[-1].value == 60


def test_what_one_is_worth_may_be_said(rule, slow):
    assert judged(rule, slow, "lose_at_most: {amount: 110 USD, worth: 20 USD}").over_loss_limit[0]
    assert not judged(rule, slow, "lose_at_most: {amount: 130 USD, worth: 20 USD}").over_loss_limit[0]


def test_an_item_that_never_sold_is_priced_by_the_others(rule, offers):
    facts = offers().add(1, clicks=each_day(20), conversions=0, revenue=0)
    facts.add(2, clicks=each_day(100), conversions=each_day(2), revenue=each_day(20))
    found = judged(rule, facts, "lose_at_most: 35 USD")
    assert found.answers.tolist() == [Answer.NO, Answer.NO]
    assert found.over_loss_limit.tolist() == [True, False]


def test_where_nothing_tells_what_one_is_worth_nothing_follows(rule, offers):
    facts = offers().add(1, clicks=each_day(40), conversions=[(12, 1)], revenue=0)
    assert not judged(rule, facts, "lose_at_most: 1 USD").over_loss_limit[0]


def test_all_other_conditions_and_samples_must_hold(rule, slow):
    made = rule("{all: [cr < 1% @95% a month, clicks > 10000]}", data=DATA, then=PAUSE, more="lose_at_most: 50 USD")
    assert not evaluate(made, slow, slow.now).over_loss_limit[0]
    few = rule(WHEN, data="{window: 7d, need: {clicks: 5000}}", then=PAUSE, more="lose_at_most: 50 USD")
    found = evaluate(few, slow, slow.now)
    assert found.answers[0] == Answer.NO_DECISION
    assert not found.over_loss_limit[0]
    spared = rule(WHEN, data=DATA, then=PAUSE, more="lose_at_most: 50 USD\nunless: [clicks > 1]")
    assert not evaluate(spared, slow, slow.now).over_loss_limit[0]


def test_good_weeks_do_not_pay_for_a_collapse(rule, offers):
    """300 clicks of three days without a conversion, after two weeks of more than were due."""
    facts = offers().add(1, clicks=each_day(100), conversions=each_day(1.5, DAYS[3:]), revenue=each_day(30, DAYS[3:]))
    found = judged(rule, facts, "lose_at_most: 50 USD")
    assert found.answers[0] == Answer.NO
    assert found.over_loss_limit[0]


def test_a_streak_of_bad_luck_is_no_loss(rule, offers):
    facts = offers().add(1, clicks=each_day(100), conversions=each_day(1.5, DAYS[1:]), revenue=each_day(30, DAYS[1:]))
    assert not judged(rule, facts, "lose_at_most: 15 USD").over_loss_limit[0]


def test_a_loss_counts_anew_after_a_return(rule, slow):
    found = judged(rule, slow, "lose_at_most: 50 USD")
    assert found.lost_since(0, slow.now.replace(day=1)) is False


def test_a_cap_waits_until_the_clicks_of_the_day_are_used_up(rule, slow):
    more = "lose_at_most: {amount: 50 USD, then: cap, clicks_per_day: %d}"
    slow.rows[0]["clicks"].insert(0, (timedelta(hours=3), 30))
    assert judged(rule, slow, more % 30).over_loss_limit[0]
    assert not judged(rule, slow, more % 31).over_loss_limit[0]
    assert "30 of 31 clicks a day so far" in judged(rule, slow, more % 31).explain(0).trace.parts[-1].words


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("lose_at_most: many", "is not an amount of money; write 50 USD"),
        ("lose_at_most: 0 USD", "is not above 0"),
        ("lose_at_most: {amount: 50 USD, then: stop}", "is not one of ask, cap"),
        ("lose_at_most: {amount: 50 USD, then: cap}", "then: cap needs clicks_per_day"),
        ("lose_at_most: {amount: 50 USD, hold: 3h}", "belongs to then: pause"),
        ("lose_at_most: {amount: 50 USD, then: pause}", "release: {probation: {clicks: 500}}"),
        ("lose_at_most: {amount: 50 USD, then: pause, hold: manual}", "a manual hold never ends by itself"),
        ("lose_at_most: {amount: 50 USD, then: cap, clicks_per_day: 0}", "0 is not between 1 and"),
        ("lose_at_most: {amount: 50 USD, worth: 8 EUR}", "is in EUR, and the amount is in USD"),
        ("lose_at_most: 50 EUR", "the account counts in USD"),
        ("lose_at_most: {amount: 50 USD, limit: 3}", "unknown key 'limit'"),
    ],
)
def test_what_cannot_work_is_refused_with_the_way_out(section, said):
    text = f"schema: 1\nid: r\ntrigger: {{every: 1h}}\nscope: {{per: [offer]}}\ndata: {DATA}\nwhen: {WHEN}\n"
    found = load(
        f"{text}{section}\nthen: {PAUSE}\n", name="r.yaml", environment=Environment(currencies={"main": "USD"})
    )
    assert any(said in problem.message for problem in found.errors), [str(one) for one in found.errors]


def test_it_needs_a_condition_that_waits_for_evidence(environment):
    text = f"schema: 1\nid: r\ntrigger: {{every: 1h}}\nscope: {{per: [offer]}}\ndata: {DATA}\nthen: {PAUSE}\n"
    plain = load(f"{text}when: [cr < 1%]\nlose_at_most: 50 USD\n", name="r.yaml", environment=environment)
    assert "needs a condition that waits for evidence" in plain.errors[0].message
    other = "when: [rejection_rate > 30% @95% a month]\nlose_at_most: 50 USD\n"
    assert (
        "say what one of them is worth" in load(text + other, name="r.yaml", environment=environment).errors[0].message
    )


@pytest.mark.parametrize(
    "section",
    [
        "lose_at_most: 50 USD",
        "lose_at_most: 12.5",
        "lose_at_most: {amount: 50 USD, worth: 8 USD}",
        "lose_at_most: {amount: 50 USD, then: cap, clicks_per_day: 200}",
        "lose_at_most: {amount: 50 USD, then: pause, hold: 6h}\nrelease: {probation: {clicks: 500}}",
    ],
)
def test_what_is_printed_is_read_again_as_the_same(rule, environment, section):
    made = rule(WHEN, data=DATA, then=PAUSE, more=section)
    again = load(to_yaml(made), name="rule.yaml", environment=environment).revisions[0]
    assert again.lose_at_most == made.lose_at_most
    assert (document_of(again), again.hash) == (document_of(made), made.hash)


def test_a_rule_test_says_who_is_asked_about(environment):
    text = f"""schema: 1
id: r
trigger: {{every: 1h}}
scope: {{per: [offer]}}
data: {DATA}
when: {WHEN}
lose_at_most: {{amount: 50 USD, worth: 10 USD}}
then: {PAUSE}
tests:
  - given: [{{offer: 1, clicks: 900, conversions: 3}}, {{offer: 2, clicks: 900, conversions: 8}}]
    expect: {{asked: [1]}}
  - {{given: {{offer: 1, clicks: 900, conversions: 3}}, expect: no}}
  - given: [{{offer: 1, clicks: 5000, conversions: 1}}, {{offer: 2, clicks: 900, conversions: 3}}]
    expect: {{pause: [1], held_back: {{2: lose_at_most}}}}
"""
    assert load(text, name="r.yaml", environment=environment).errors == ()


def test_a_rule_test_of_a_cap_gives_the_clicks_of_today(environment):
    text = f"""schema: 1
id: r
trigger: {{every: 1h}}
scope: {{per: [offer]}}
data: {DATA}
when: {WHEN}
lose_at_most: {{amount: 50 USD, worth: 10 USD, then: cap, clicks_per_day: 200}}
then: {PAUSE}
tests:
  - given:
      - {{offer: 1, clicks: 900, conversions: 3, clicks_today: 250}}
      - {{offer: 2, clicks: 900, conversions: 3, clicks_today: 90}}
    expect: {{pause: [1]}}
"""
    assert load(text, name="r.yaml", environment=environment).errors == ()
