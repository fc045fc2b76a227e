"""Budgets that several rules share: what a plan is told, and what is refused."""

import pytest

from bridge.config.schema import FileSchema
from rules.language.render import to_yaml
from rules.loading.load import load
from rules.model.environment import Environment
from rules.model.revision import Budget

RULE = """schema: 1
id: a
trigger: {{every: 1h}}
scope: {{per: [offer]}}
data: {{need: {{clicks: 100}}}}
when: [conversions = 0]
then: [{{pause: offer, hold: 12h}}]
guards: {{budgets: {budgets}}}
tests:
  - {{given: {{offer: 1, clicks: 900, conversions: 0}}, state: {{budgets: {{pauses: {used}}}}}, expect: {expect}}}
"""
KNOWN = Environment(budgets={"pauses": Budget("pauses", 30, "month"), "raises": Budget("raises", 5, "day")})


def read(budgets="[pauses]", used="29", expect="{pause: [1]}"):
    return load(RULE.format(budgets=budgets, used=used, expect=expect), name="x.yaml", environment=KNOWN)


@pytest.mark.parametrize(
    ("used", "expect"),
    [
        (29, "{pause: [1]}"),
        (30, "{held_back: {1: budget}, message: at most 30 allowed}"),
        (99, "{held_back: {1: budget}, message: 1 more after 99 of all rules of the budget pauses this month}"),
    ],
)
def test_a_rules_own_test_says_what_is_used_and_what_follows(used, expect):
    assert read(used=used, expect=expect).errors == ()


@pytest.mark.parametrize(
    ("budgets", "used", "words"),
    [
        ("[pausse]", "1", "there is no budget 'pausse'; did you mean 'pauses'?"),
        ("[pauses]", "yes", "what each has used"),
    ],
)
def test_what_is_not_clear_is_refused(budgets, used, words):
    assert words in read(budgets, used).errors[0].message


def test_it_is_printed_by_its_name_and_read_again():
    [found] = read("[raises, pauses]", expect="yes").revisions
    assert found.guards.budgets == (KNOWN.budgets["raises"], KNOWN.budgets["pauses"])
    again = load(to_yaml(found), name="x.yaml", environment=KNOWN).revisions[0]
    assert (again.hash, again.guards) == (found.hash, found.guards)


@pytest.mark.parametrize("entry", [{"effects": 0, "per": "day"}, {"effects": 3, "per": "week"}, {"effects": 3}])
def test_a_budget_says_how_many_and_per_what(entry):
    assert FileSchema().validate({"budgets": {"pauses": entry}})
