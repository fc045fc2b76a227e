import pytest

from rules.loading.self_tests import run_tests

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
