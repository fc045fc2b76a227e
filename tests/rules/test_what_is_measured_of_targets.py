"""Limits that rest on what is known of a target are refused or doubted where nothing is known."""

import pytest

from rules.loading.load import load

RULE = """
schema: 1
id: pairs
trigger: {{every: 15m}}
scope: {{per: {per}, where: all}}
data: {{need: {{clicks: 100}}, fresh: 30m}}
when: [cr < 1% @95% a month]
then: [{{pause: offer, hold: 1h}}]
{more}
"""


def problems(environment, per, more):
    return [str(one) for one in load(RULE.format(per=per, more=more), name="x.yaml", environment=environment).problems]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("release: {probation: {clicks: 500}}", "keeps nothing from being judged again"),
        ("guards: {at_most: {revenue_24h: 5%}}", "here every plan is over it"),
    ],
)
def test_a_rule_per_pair_is_told_what_it_cannot_have(environment, more, says):
    [problem] = problems(environment, "[offer, publisher]", more)
    assert says in problem
    assert problems(environment, "[offer]", more) == []


@pytest.mark.parametrize("keep", ["{offers: 1, per: publisher}", "{publishers: 1, per: advertiser}"])
def test_a_group_that_nothing_belongs_to_is_refused(environment, keep):
    [problem] = problems(environment, "[offer]", f"guards: {{keep_active: {keep}}}")
    assert "an offer belongs to an advertiser" in problem
    assert problems(environment, "[offer]", "guards: {keep_active: {offers: 1, per: advertiser}}") == []
