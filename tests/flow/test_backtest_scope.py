"""A backtest asks on each day who is in the scope, as a live rule does: a table may say another thing by then."""

from datetime import UTC, datetime, timedelta

import pytest
from rule_texts import pause_rule

from bridge.operations.backtest import BacktestRequest, replayed

TABLE = "offer_id,kind,from,to\n1001,a,,2026-03-01\n1001,b,2026-03-02,\n"
SCOPE = "where: {deals.kind: KIND}, join: {deals: offer.id}"
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def pauses(network):
    network.world.offer("Bad", clicks=2000, conversions=1, active=True)
    (network.home / "tables" / "deals.csv").write_text(TABLE)

    def found(scope):
        rule = pause_rule("shadow", fresh="", hold="1h", when="clicks > 10", guards="{at_most: {share: 100%}}")
        network.rule(rule.replace("where: {offer.active: true}", scope))
        network.work()
        with network.services.store.read() as session:
            revision = network.services.library.current(session).revisions["low-cr"]
        question = BacktestRequest(
            start=MIDNIGHT - timedelta(hours=6), end=MIDNIGHT + timedelta(hours=6), step=timedelta(hours=1),
            against="imported",
        )  # fmt: skip
        report = replayed(network.services, revision, question)
        return [fire.at for fire in report.pauses], report

    return found


def test_the_row_of_that_day_says_who_is_in_the_scope(pauses):
    before, report = pauses(SCOPE.replace("KIND", "a"))
    assert before
    assert all(at < MIDNIGHT for at in before)
    assert report.answers["yes"] < report.evaluations
    after, _ = pauses(SCOPE.replace("KIND", "b"))
    assert after
    assert all(at >= MIDNIGHT for at in after)


def test_a_scope_that_asks_for_the_hour_is_asked_at_each_evaluation(pauses):
    found, _ = pauses("where: [hour >= 12]")
    assert found
    assert {at.hour >= 12 for at in found} == {True}


def test_a_scope_that_asks_for_an_age_is_asked_at_each_evaluation(pauses):
    found, _ = pauses('where: ["age(offer.created_at) + 1d > 12h"]')  # made at noon, after what is replayed
    assert found
    assert {at >= MIDNIGHT for at in found} == {True}


@pytest.mark.parametrize(
    ("scope", "warned"),
    [
        ("where: {offer.active: true}", False),
        ("where: [offer.active]", False),
        ("where: {offer.active: false}", True),
        ("where: [not offer.active, hour >= 0]", True),
    ],
)
def test_a_backtest_says_that_it_does_not_know_what_was_inactive(pauses, scope, warned):
    _, report = pauses(scope)
    assert any("inactive then is not known" in one for one in report.warnings) is warned
