"""A table of caps by offer and publisher, in a whole network: live, explained and in a backtest."""

from datetime import timedelta

import pytest

from bridge.operations.backtest import BacktestRequest, parse, replayed
from bridge.operations.explain import explain, parse_subject
from bridge.store.runs import StoredVerdict

RULE = """
schema: 1
id: caps
mode: live
trigger: {every: 15m}
scope: {per: [offer, publisher], join: {caps: [offer.id, publisher.id]}}
data: {window: 24h, tz: Europe/Berlin}
when: [clicks > caps.clicks]
then: [{http: {url: "https://example.com/{{ caps.clicks }}"}}]
"""


@pytest.fixture
def capped(network):
    """Two offers with 1,000 clicks through each of two publishers."""
    homes = [network.world.publisher("P"), network.world.publisher("Q")]
    for name in ("One", "Two"):
        network.world.offer(name, clicks=2000, publishers=homes, active=True)
    tomorrow = (network.now + timedelta(days=1)).date()
    rows = f"*,*,5000,,\n1001,*,100,,\n1001,202,9000,,{network.now.date()}\n1001,202,1,{tomorrow},\n"
    (network.home / "tables" / "caps.csv").write_text(f"offer,publisher,clicks,from,to\n{rows}")
    network.rule(RULE)
    network.work()
    return network


def answers(network):
    newest = {}
    for one in network.all(StoredVerdict):
        newest[one.subject] = one.answer
    return newest


def test_each_pair_has_the_cap_that_says_most_about_it(capped):
    found = {name: answer for name, answer in answers(capped).items() if answer == 1}
    assert list(found) == ["offer=1001,publisher=201"]


def test_a_row_holds_from_its_first_day_on_where_the_rule_lives(capped):
    capped.pass_time(days=1)
    capped.work()
    found = explain(capped.services, "caps", parse_subject("offer=1001,publisher=202"), now=capped.now)
    assert found.verdict.trace.parts[0].parts[0].threshold == 1


def test_a_backtest_takes_the_rows_of_each_day(capped):
    """In the afternoon one pair is over its cap; at night a row of the next day takes another in."""
    begun = capped.now
    capped.pass_time(hours=14)
    question = BacktestRequest(start=begun, end=capped.now, step=timedelta(hours=14))
    [revision] = parse(capped.services, RULE)
    assert replayed(capped.services, revision, question).answers["yes"] == 1 + 2
