"""`worst 5 by cr per advertiser`: who has a place, what ties do, and what too little data does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.evaluation.evaluate import evaluate
from rules.loading.load import load
from rules.loading.self_tests import run_tests

RULE = """schema: 1
id: a
trigger: {every: 1h}
scope: {per: [offer]}
data: {window: 24h, need: {clicks: 10}}
when: ['%s']
then: [{notify: traffic}]
tests:
  - given: [{offer: 1, clicks: 100, conversions: 1}, {offer: 2, clicks: 100, conversions: 5}]
    expect: yes
  - given: [{offer: 2, clicks: 100, conversions: 5}, {offer: 1, clicks: 100, conversions: 1}]
    expect: no
  - {given: {offer: 1, clicks: 100, conversions: 1}, expect: no_decision}
  - {given: [{offer: 1, clicks: 100, conversions: 1}, {offer: 2, clicks: 100, conversions: 5}], expect: {notify: [1]}}
"""


def answers(rule, offers, now, when, rows):
    facts = offers()
    for number, (clicks, conversions, *group) in enumerate(rows, 1):
        fields = {"offer.visibility": group[0]} if group else {}
        facts.add(number, clicks=clicks, conversions=conversions, fields=fields)
    return evaluate(rule([when], data="{window: 24h, need: {clicks: 10}}"), facts, now)


def taken(*arguments):
    return [row + 1 for row, answer in enumerate(answers(*arguments).answers.tolist()) if answer == 1]


@pytest.mark.parametrize(
    ("when", "wanted"),
    [
        ("worst 2 by cr", [1, 2]),
        ("best 1 by cr", [4]),
        ("top 2 by clicks", [3, 4]),
        ("bottom 1 by clicks", [1]),
        ("top 50% by conversions", [3, 4]),
        ("worst 25% by cr", [1]),
        ("worst 20% by cr", []),  # four fifths of one, rounded down
    ],
)
def test_so_many_of_one_end(rule, offers, now, when, wanted):
    rows = [(100, 1), (200, 4), (300, 9), (400, 16)]
    assert taken(rule, offers, now, when, rows) == wanted


def test_a_high_rejection_rate_is_the_worst(rule, offers, now):
    facts = offers().add(1, clicks=50, conversions=10, rejected=9).add(2, clicks=50, conversions=10, rejected=1)
    assert evaluate(rule(["worst 1 by rejection_rate"]), facts, now).answers.tolist() == [1, 0]


def test_a_tie_that_does_not_fit_as_a_whole_is_left_out(rule, offers, now):
    rows = [(100, 1), (200, 2), (300, 3), (100, 9)]  # three share the first place
    assert taken(rule, offers, now, "worst 2 by cr", rows) == []
    assert taken(rule, offers, now, "worst 3 by cr", rows) == [1, 2, 3]


def test_who_has_too_few_clicks_has_no_place_and_takes_none_away(rule, offers, now):
    found = answers(rule, offers, now, "worst 1 by cr", [(5, 0), (100, 1), (100, 2)])
    assert found.answers.tolist() == [-1, 1, 0]


def test_where_all_would_be_taken_there_is_nothing_to_choose_between(rule, offers, now):
    found = answers(rule, offers, now, "worst 5 by cr", [(100, 1), (100, 2)])
    assert found.answers.tolist() == [-1, -1]
    assert "nothing to choose between" in found.explain(0).reason


def test_each_group_has_its_own_places(rule, offers, now):
    rows = [(100, 1, "a"), (100, 2, "a"), (100, 8, "b"), (100, 9, "b"), (100, 0, None)]
    found = answers(rule, offers, now, "worst 1 by cr per offer.visibility", rows)
    assert found.answers.tolist() == [1, 0, 1, 0, -1]
    assert "place 1 of 2 of the same offer.visibility" in found.explain(0).reason


def test_the_explanation_has_the_place(rule, offers, now):
    found = answers(rule, offers, now, "worst 2 by cr", [(100, 1), (200, 4), (300, 9), (400, 16)])
    assert found.explain(1).reason == "conversion rate 2.00% is place 2 of 4; the worst 2 are meant"


def test_a_rule_and_its_own_tests_agree(environment):
    loaded = load(RULE % "worst 1 by cr", name="x.yaml", environment=environment)
    assert not loaded.errors, [str(problem) for problem in loaded.errors]
    assert all(one.passed for one in run_tests(loaded.revisions[0]))


def test_an_event_has_nobody_to_be_worse_than(environment):
    text = (RULE % "worst 1 by cr").partition("tests:")[0].replace("{every: 1h}", "{webhook: {source: crm}}")
    text = text.replace("{per: [offer]}", "{per: [offer], from: {offer: body.id}}")
    [problem] = load(text, name="x.yaml", environment=environment).errors
    assert "'worst' needs many" in problem.message


rows_of_any_kind = st.lists(st.tuples(st.integers(10, 20), st.integers(0, 3)), max_size=12)


@given(rows=rows_of_any_kind, count=st.integers(1, 6), order=st.randoms())
def test_never_more_than_asked_for_and_never_by_the_order_of_rows(rule, offers, now, rows, count, order):
    when = f"bottom {count} by conversions"
    first = taken(rule, offers, now, when, rows)
    assert len(first) <= count
    shuffled = list(enumerate(rows, 1))
    order.shuffle(shuffled)
    again = [shuffled[place - 1][0] for place in taken(rule, offers, now, when, [row for _, row in shuffled])]
    assert sorted(again) == first
    assert all(rows[a - 1][1] < row[1] for a in first for b, row in enumerate(rows, 1) if b not in first)
