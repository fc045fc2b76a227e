import pytest

from rules.language import types
from rules.loading.self_tests import run_tests
from rules.model import tree
from rules.model.revision import Group
from rules.model.verbs import VERBS

NEEDS = [
    "broken-tracking",
    "cr-collapse",
    "daily-budget",
    "dead-offers",
    "fraud-burst",
    "high-rejection-rate",
    "low-cr",
    "negative-margin",
    "payout-ceiling",
    "publisher-onboarding",
    "traffic-gone",
    "traffic-spike",
]


def test_there_is_a_ready_rule_for_each_need(library):
    assert sorted(library) == NEEDS


@pytest.mark.parametrize("need", NEEDS)
def test_a_ready_rule_loads_without_a_word_of_warning(library, need):
    assert [str(problem) for problem in library[need].problems] == []


@pytest.mark.parametrize("need", NEEDS)
def test_a_ready_rule_has_tests_for_yes_and_for_no_decision_or_no(library, need):
    for revision in library[need].revisions:
        results = run_tests(revision)
        assert all(result.passed for result in results)
        assert len({result.test.expect for result in results}) > 1


@pytest.mark.parametrize("need", NEEDS)
def test_a_ready_rule_says_when_not_to_use_it(library, need):
    assert all("not" in revision.note and len(revision.note) > 60 for revision in library[need].revisions)


@pytest.mark.parametrize("need", NEEDS)
def test_a_ready_rule_takes_nothing_away_before_somebody_says_so(library, need):
    assert all(revision.mode in {"shadow", "approve"} for revision in library[need].revisions)


def ratios_of(group):
    """The comparisons and changes of ratios of counts, those of each list of conditions together."""
    items = [one for one in group.items if not isinstance(one, Group)]
    yield [
        part
        for item in items
        for part in item.tree.walk()
        if isinstance(part, tree.Compare | tree.Change)
        if types.ratio_of_counts(part.left if isinstance(part, tree.Compare) else part.item) is not None
    ]
    for one in group.items:
        if isinstance(one, Group):
            yield from ratios_of(one)


@pytest.mark.parametrize("need", NEEDS)
def test_a_ready_rule_takes_traffic_away_on_a_ratio_only_with_evidence_that_may_be_looked_at_all_day(library, need):
    """A plain change says how large a fall must be: beside the evidence, in `all`, it can only make pauses fewer."""
    for revision in library[need].revisions:
        if not any(VERBS[step.verb].holds for step in revision.then) or revision.when is None:
            continue
        for found in ratios_of(revision.when):
            assert not any(isinstance(one, tree.Compare) and one.holds == "once" for one in found)
            if any(one.holds == "once" for one in found):
                assert revision.when.kind == "all"
                assert any(isinstance(one, tree.Compare) and one.holds == "month" for one in found)
