"""`count(offers where active) < 3 per advertiser`: how many entities there are."""

import pytest
from examples import times
from hypothesis import given
from hypothesis import strategies as st

from rules.evaluation.evaluate import evaluate
from rules.language import unparse
from rules.language.render import to_yaml
from rules.loading.load import load
from rules.loading.self_tests import run_tests
from rules.model.environment import Environment
from tests.rules.conftest import NOW, Offers

RULE = """schema: 1
id: few
trigger: {{every: 1h}}
scope: {{per: [{per}]}}
data: {{need: {{}}}}
when: ['{when}']
then: [{{notify: traffic}}]
{more}
"""


def read(when, per="advertiser", more=""):
    text = RULE.format(when=when, per=per, more=more)
    return load(text, name="x.yaml", environment=Environment(tables={"vips": ("offer",)}))


def rule(when, per="advertiser"):
    found = read(when, per)
    assert not found.problems, found.problems
    return found.revisions[0]


def world(per, subjects, offers):
    """Facts about subjects (id, advertiser) and the offers that exist: (active, advertiser, payout)."""
    listed = Offers(per=("offer",), now=NOW)
    for number, (active, advertiser, payout) in enumerate(offers):
        fields = {"offer.active": active, "advertiser.id": advertiser, "offer.default_payout": payout}
        listed.add(str(number), fields=fields)
    found = Offers(per=(per,), now=NOW)
    for name, advertiser in subjects:
        found.add(name, clicks=5, fields={"advertiser.id": advertiser})
    found.entities = lambda dimension: listed if dimension == "offer" else None
    return found


TWO = [("1", "7"), ("2", "8")]
FOUR = [(True, "7", 1), (True, "7", 9), (False, "7", 9), (True, "8", 1)]


@pytest.mark.parametrize(
    ("when", "answers"),
    [
        ("count(offers where active) < 2 per advertiser", [0, 1]),
        ("count(offers where active) per advertiser >= 2", [1, 0]),
        ("count(offers) per advertiser = 3", [1, 0]),
        ("count(offers where active and default_payout > 5) per advertiser > 0", [1, 0]),
        ("count(offers where not active) per advertiser / count(offers) per advertiser > 0.3", [1, 0]),
        ("count(offers where active) per network = 3", [1, 1]),
        ("clicks > count(offers) per network", [1, 1]),
        ("count(publishers) per network > 0", [-1, -1]),
    ],
)
def test_what_is_counted_is_what_exists(when, answers):
    facts = world("offer", TWO, FOUR)
    assert evaluate(rule(when, "offer"), facts, NOW).answers.tolist() == answers


def test_an_advertiser_without_offers_has_none():
    facts = world("advertiser", [("7", None), ("9", None)], FOUR)
    assert evaluate(rule("count(offers where active) < 1"), facts, NOW).answers.tolist() == [0, 1]


def test_where_one_offer_cannot_be_judged_the_number_is_not_known():
    facts = world("offer", TWO, [*FOUR, (None, "7", 1)])
    assert evaluate(rule("count(offers where active) < 9 per advertiser", "offer"), facts, NOW).answers.tolist() == [
        -1,
        1,
    ]
    assert evaluate(rule("count(offers where active) < 9 per network", "offer"), facts, NOW).answers.tolist() == [
        -1,
        -1,
    ]


def test_the_reason_has_the_number():
    facts = world("offer", TWO, FOUR)
    found = evaluate(rule("count(offers where active) < 2 per advertiser", "offer"), facts, NOW)
    assert found.explain(1).reason == "count(offers where offer.active) per advertiser (1) is below 2"
    assert found.explain(0).reason == "count(offers where offer.active) per advertiser (2) is not below 2"


@pytest.mark.parametrize(
    ("when", "per", "words"),
    [
        (
            "count(offers) < 3",
            "offer",
            "the subject's advertiser (per advertiser) or all of them (per network); say which",
        ),
        (
            "count(publishers) < 3",
            "publisher",
            "all publishers of the network? Write count(publishers ...) per network",
        ),
        ("count(offer) < 3", "offer", "not 'offer'; did you mean 'offers'?"),
        ("count(offers where activ) < 3", "advertiser", "did you mean 'active'?"),
        ("count(offers where cr < 1%) < 3", "advertiser", "'cr' is measured; count() asks for attributes"),
        ("count(offers where 5) < 3", "advertiser", "a condition on what is counted"),
        ("count(offers) < 3 per country", "advertiser", "per advertiser or per network, not per country"),
        ("count(publishers) < 3 per advertiser", "offer", "publishers belong to no advertiser"),
        ("count(offers) < 3 per advertiser", "publisher", "has no advertiser; write per network"),
        ("clicks < 3 per advertiser", "offer", "'per' belongs to count()"),
        ("count(offers where count(offers) > 1) < 3", "advertiser", "a count stands in a count"),
        ("count(offers) unusual @99% vs 28d same hours", "advertiser", "needs something measured"),
    ],
)
def test_what_may_be_two_things_or_none_is_refused(when, per, words):
    assert words in str(read(when, per).errors[0].message)


def test_a_rules_test_gives_the_number_in_any_spelling():
    more = """tests:
  - {given: {"count(offers where active)": 2}, expect: yes}
  - {given: {"count(offers where offer.active) per advertiser": 3}, expect: no}
  - {given: {now: 2026-01-14}, expect: no_decision}"""
    found = read("count(offers where active) < 3", more=more)
    assert not found.errors, found.errors
    assert all(one.passed for one in run_tests(found.revisions[0]))


def test_a_number_that_nobody_asks_for_is_refused():
    more = 'tests: [{given: {"count(offers)": 2}, expect: yes}]'
    assert (
        "the rule does not ask for 'count(offers)'"
        in read("count(offers where active) < 3", more=more).errors[0].message
    )


inner = st.sampled_from(["active", "default_payout > 5", "not active", "offer.id in table vips", 'name matches "^DE"'])
wheres = st.one_of(st.none(), inner, st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join))
counts = st.tuples(st.sampled_from(["offers", "publishers"]), wheres).map(
    lambda made: f"count({made[0]}{f' where {made[1]}' if made[1] and made[0] == 'offers' else ''})"
)
conditions = st.tuples(counts, st.sampled_from(["<", ">=", "="]), st.integers(0, 4)).map(
    lambda made: f"{made[0]} {made[1]} {made[2]} per network"
)


@times(1.2)
@given(
    when=conditions,
    offers=st.lists(st.tuples(st.sampled_from([True, False, None]), st.sampled_from(["7", None]), st.integers(0, 9))),
)
def test_whatever_is_counted_there_is_an_answer_and_it_is_printed_the_same(when, offers):
    found = rule(when, "offer")
    again = load(to_yaml(found), name="x.yaml", environment=Environment(tables={"vips": ("offer",)})).revisions[0]
    assert again.hash == found.hash
    assert unparse.condition(again.when.items[0]) == unparse.condition(found.when.items[0])
    facts = world("offer", TWO, offers)
    first = evaluate(found, facts, NOW)
    assert first.answers.tolist() == evaluate(again, facts, NOW).answers.tolist()
    assert set(first.answers.tolist()) <= {-1, 0, 1}
    assert all(first.explain(row).reason for row in range(2))
