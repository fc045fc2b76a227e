from dataclasses import replace

import pytest

from rules.loading.cross_checks import check
from rules.loading.load import load

RULE = """schema: 1
id: {id}
trigger: {{every: 15m}}
scope: {{per: [{per}], where: {{{where}}}}}
data: {{window: 24h, need: {{clicks: 500}}, fresh: 1h}}
when: {when}
then: [{{{verb}: {per}}}]
{more}
"""


@pytest.fixture
def finding(environment):
    """What `check` says about rules that are given by what differs."""

    def run(*rules):
        texts = [
            RULE.format(**{"id": f"rule-{n}", "per": "offer", "where": "", "verb": "pause", "more": "", **rule})
            for n, rule in enumerate(rules)
        ]
        loaded = load("---\n".join(texts), name="rules.yaml", environment=environment)
        assert not loaded.errors, loaded.errors
        return [problem.message for problem in check(loaded.revisions)]

    return run


def test_rules_that_pause_and_activate_on_the_same_data_are_found_with_a_witness(finding):
    found = finding({"when": "[cr < 0.4%]"}, {"when": "[cr > 0.2%, cr < 0.6%]", "verb": "activate"})
    assert len(found) == 1
    assert found[0] == (
        "rule-1 activates what rule-0 (rules.yaml:1:1) pauses: both say yes about one offer, for example at "
        "clicks over 24h = 500, cr over 24h = 0.30%"
    )


def test_rules_whose_lines_do_not_overlap_are_no_conflict(finding):
    assert not finding({"when": "[cr < 0.4%]"}, {"when": "[cr >= 0.4%]", "verb": "activate"})


def test_the_state_that_they_change_does_not_keep_rules_apart(finding):
    found = finding(
        {"when": "[cr < 0.4%]", "where": "offer.active: true"},
        {"when": "[cr < 0.6%]", "verb": "activate", "where": "offer.active: false"},
    )
    assert len(found) == 1


def test_rules_on_different_subjects_are_no_conflict(finding):
    assert not finding(
        {"when": "[cr < 0.4%]", "where": "offer.currency: USD"},
        {"when": "[cr < 0.6%]", "verb": "activate", "where": "offer.currency: EUR"},
    )
    assert not finding({"when": "[cr < 0.4%]"}, {"when": "[cr < 0.6%]", "verb": "activate", "per": "publisher"})


def test_excluded_values_keep_rules_apart(finding):
    assert not finding(
        {"when": '[cr < 0.4%, offer.name = "x"]'},
        {"when": '[cr < 0.6%, offer.name != "x"]', "verb": "activate"},
    )


def test_a_release_that_undoes_its_own_rule_is_found(finding):
    assert (
        "pauses and releases on the same data"
        in finding({"when": "[cr < 0.4%]", "more": "release: {early: [cr < 0.5%]}"})[0]
    )
    assert not finding({"when": "[cr < 0.4%]", "more": "release: {early: [cr >= 0.6%]}"})


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("[clicks < 100]", "clicks over 24h would have to be at least 500 and below 100"),
        ("[cr > 5%, cr < 1%]", "cr over 24h would have to be above 5.00% and below 1.00%"),
        ("[clicks < 0 over 1h]", "clicks over 1h would have to be at least 0 and below 0"),
        ('[\'offer.name = "x" and offer.name = "y"\']', "offer.name has no value left that is allowed"),
        ("[\"offer.name matches 'x'\", \"not (offer.name matches 'x')\"]", "it asks for a thing and its opposite"),
        ("[false]", "`when` is always false"),
    ],
)
def test_a_rule_that_can_never_fire_says_why(finding, when, why):
    assert finding({"when": when}) == [f"rule-0 can never fire: {why}"]


@pytest.mark.parametrize("when", ["{any: [clicks >= 10, clicks < 10]}", "{none: ['clicks > 9 and clicks < 9']}"])
def test_a_rule_that_always_fires_is_found(finding, when):
    assert "always fires" in finding({"when": when})[0]


def test_conditions_too_rich_to_reckon_with_are_given_the_benefit_of_the_doubt(finding):
    assert not finding({"when": "['cr down 50% vs 7d', 'payout / clicks > 5', 'forecast clicks > 5 within 1h']"})


def test_the_ready_rules_do_not_work_against_each_other(library):
    assert not check([revision for loaded in library.values() for revision in loaded.revisions])


ON_DEMAND = """schema: 1
id: {id}
trigger: {{webhook: {{source: {source}, event: {event}}}}}
when: [body.amount > 5]
then: [{{{verb}: offer, which: "{{{{ body.offer }}}}"}}]
"""


@pytest.mark.parametrize(
    ("source", "event", "conflicts"), [("crm", "sale", 1), ("crm", "refund", 0), ("shop", "sale", 0)]
)
def test_only_rules_that_one_event_can_ask_contradict_each_other(environment, source, event, conflicts):
    texts = [
        ON_DEMAND.format(id="taker", source="crm", event="sale", verb="pause"),
        ON_DEMAND.format(id="giver", source=source, event=event, verb="activate"),
    ]
    loaded = load(
        "---\n".join(texts), name="rules.yaml", environment=replace(environment, sources=frozenset({"crm", "shop"}))
    )
    assert not loaded.errors, loaded.errors
    assert sum("activates what" in problem.message for problem in check(loaded.revisions)) == conflicts
