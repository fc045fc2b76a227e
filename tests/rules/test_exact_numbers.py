"""A threshold that is met exactly is met: every comparison agrees with one in fractions, whatever doubles round."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.decisions.event_facts import column
from rules.evaluation.evaluate import evaluate
from rules.evaluation.events import EventFacts
from rules.evaluation.templates import jsonable
from rules.evaluation.windows import TimeRange, same_hours
from rules.model import formatting
from rules.model.verdicts import Answer

OPERATORS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
money = st.integers(0, 10**7).map(lambda cents: Decimal(cents) / 100)
count = st.integers(1, 10**5)
operator = st.sampled_from(sorted(OPERATORS))


def answers(rule, facts, now):
    return evaluate(rule, facts, now).answers.tolist()


def test_a_share_of_a_budget_that_is_met_exactly_is_met(rule, offers, now):
    facts = offers()
    for budget in range(1, 20_001):
        facts.add(budget, payout=Decimal(budget) * Decimal("0.8"), fields={"budgets.daily": Decimal(budget)})
    found = rule("[payout >= 80% * budgets.daily]", more="", per="offer", text=JOINED)
    assert set(answers(found, facts, now)) == {1}


JOINED = """schema: 1
id: rule
trigger: {{every: 15m}}
scope: {{per: [{per}], join: {{budgets: offer.id}}}}
data: {data}
when: {when}
{more}
then: {then}
"""


class Row(NamedTuple):
    payout: Fraction
    clicks: int
    revenue: Fraction
    conversions: int


FORMULAS = {  # condition → both sides in fractions
    "epc {op} 0.1": (lambda one: one.payout / one.clicks, lambda _: Fraction(1, 10)),
    "payout / clicks {op} revenue / conversions": (
        lambda one: one.payout / one.clicks,
        lambda one: one.revenue / one.conversions,
    ),
    "margin {op} 30%": (lambda one: (one.revenue - one.payout) / one.revenue, lambda _: Fraction(3, 10)),
    "3 * payout - revenue {op} 0.7 * clicks": (
        lambda one: 3 * one.payout - one.revenue,
        lambda one: one.clicks * Fraction(7, 10),
    ),
    "cr {op} 12.5%": (lambda one: Fraction(one.conversions, one.clicks), lambda _: Fraction(1, 8)),
}
rows = st.lists(st.builds(Row, money.map(Fraction), count, money.filter(bool).map(Fraction), count), min_size=1)


@pytest.mark.parametrize("text", FORMULAS)
@given(found=rows, op=operator)
def test_every_comparison_is_that_of_the_fractions(rule, offers, now, text, found, op):
    facts = offers()
    for number, one in enumerate(found):
        facts.add(number, **{name: float(value) for name, value in one._asdict().items()})
    left, right = FORMULAS[text]
    wanted = [int(OPERATORS[op](left(one), right(one))) for one in found]
    assert answers(rule(f"['{text.format(op=op)}']"), facts, now) == wanted


@given(factor=st.integers(1, 400), before=st.integers(1, 10**6), direction=st.sampled_from(["up", "down"]))
def test_a_change_by_exactly_so_much_is_one(rule, offers, now, factor, before, direction):
    share = min(factor, 100) if direction == "down" else factor
    clicks = before * 100
    moved = clicks + (before if direction == "up" else -before) * share
    found = rule(f"[clicks {direction} {share}% vs 24h]")
    exactly = offers().add(1, clicks=[(1, moved), (30, clicks)])
    nearly = offers().add(1, clicks=[(1, moved + (-1 if direction == "up" else 1)), (30, clicks)])
    assert (answers(found, exactly, now), answers(found, nearly, now)) == ([1], [0])


def test_a_ratio_that_is_up_by_exactly_so_much_is_up(rule, offers, now):
    facts = offers().add(1, clicks=[(1, 1000), (30, 1000)], conversions=[(1, 11), (30, 10)])
    assert answers(rule("[cr up 10% vs 24h]"), facts, now) == [1]


def test_a_sentence_never_shows_two_equal_numbers_that_differ(rule, offers, now):
    facts = offers().add(1, payout=Decimal("99999.99"), clicks=1_000_000)
    found = evaluate(rule("[epc >= 0.1]"), facts, now).explain(0)
    assert found.answer is Answer.NO
    assert found.reason == "payout per click 0.09999999 (99,999.99 of 1,000,000 clicks) is below 0.10000000"


def test_a_change_just_short_of_the_limit_shows_its_digits(rule, offers, now):
    facts = offers().add(1, clicks=[(1, 10_999), (30, 10_000)])
    assert "is up 9.99%, not up 10%" in evaluate(rule("[clicks up 10% vs 24h]"), facts, now).explain(0).reason


@given(left=st.fractions(0, 10**6), right=st.fractions(0, 10**6), unit=st.sampled_from(["count", "money", "share"]))
def test_numbers_that_differ_by_more_than_rounding_look_different(left, right, unit):
    shown = formatting.apart(left, right, unit)
    assert shown[0] != shown[1] or abs(left - right) < Fraction(1, 10**12)


# --- texts and long numbers ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "body", "wanted"),
    [
        ('body.code = "007"', {"code": "7"}, 0),
        ('body.code = "007"', {"code": "007"}, 1),
        ('body.zip in ["01067"]', {"zip": "1067"}, 0),
        ('body.code != "1.0"', {"code": "1"}, 1),
        ('body.code = "007"', {"code": 7}, 0),  # what begins with a zero is a code, as a postal code is
        ('body.code != "007"', {"code": 7}, 1),
        ('body.code in ["007"]', {"code": 7}, 0),
        ("body.code = 7", {"code": "007"}, 0),
        ("body.code in [7]", {"code": "007"}, 0),
        ("body.code < 8", {"code": "007"}, 1),  # in an order it is a number: there is no other
        ("body.code = 7", {"code": "7.00"}, 1),  # a number compares with what the text spells
        ('body.code = "0.50"', {"code": 0.5}, 1),
        ('body.code = "0"', {"code": 0}, 1),
        ("body.id = 23851234567890122", {"id": 23851234567890122}, 1),
        ("body.id = 23851234567890122", {"id": 23851234567890121}, 0),
        ("body.id in [23851234567890122]", {"id": 23851234567890121}, 0),
        ("body.id + 1 = 23851234567890122", {"id": 23851234567890121}, 1),
        ("body.id + 1 = 23851234567890122", {"id": 23851234567890122}, 0),
    ],
)
def test_texts_compare_as_texts_and_long_numbers_digit_for_digit(hook, now, when, body, wanted):
    facts = EventFacts(body, {"id": "e"})
    assert answers(hook(f"['{when}']"), facts, now) == [wanted]


decimals = st.decimals(-(10**9), 10**9, places=3)


@given(values=st.lists(st.one_of(st.none(), st.integers(-(10**19), 10**19), decimals), min_size=1))
def test_a_number_of_a_body_stays_the_same_whatever_is_beside_it(values):
    found = column(values)
    for value, kept in zip(values, found.values, strict=True):
        assert value is None or Decimal(str(jsonable(kept))) == Decimal(str(value))


def test_a_long_number_goes_through_a_template_unchanged(hook, now):
    body = '{id: "{{ body.id }}", text: "n {{ body.id }}"}'
    found = hook("[true]", then=f'[{{http: {{url: "https://x.example", body: {body}}}}}]')
    filled = found.then[0].values["body"]
    evaluation = evaluate(found, EventFacts({"id": 23851234567890322}, {"id": "e"}), now)
    assert evaluation.fill(0, filled["id"]) == 23851234567890322
    assert evaluation.fill(0, filled["text"]) == "n 23851234567890322"


def test_the_hour_that_a_clock_change_skips_is_left_out_of_the_same_hours():
    start = datetime(2026, 3, 31, 0, 0, tzinfo=UTC)
    found = same_hours(TimeRange(start, start + timedelta(hours=1)), 7, "Europe/Berlin")
    assert len(found) == 6
    assert not any(part.empty for part in found)


def test_a_percentage_of_nothing_is_no_decision_whatever_adding_rounds_off(rule, offers, now):
    """Revenue and payout of the others are 0.30 each: 5.3 - 5 and 0.1 + 0.2 are not quite that in doubles."""
    facts = offers().add(1, revenue=5, payout=0).add(2, revenue=0.1, payout=0.3).add(3, revenue=0.2, payout=0)
    found = evaluate(rule('["profit up 50% vs peers"]'), facts, now)
    assert found.answers.tolist()[0] == Answer.NO_DECISION
    facts = offers().add(1, revenue=[(1, 5), (25, 0.1), (49, 0.2)], payout=[(25, 0.3)])
    found = evaluate(rule('["profit up 50% vs 3d same hours"]'), facts, now)
    assert found.answers.tolist() == [Answer.NO_DECISION]
