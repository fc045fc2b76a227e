"""The strip of 24 hours that each rule has on the inbox."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.operations.rule_strips import CELLS, QUARTER, strips
from bridge.store.runs import Cause, Run
from rules.loading.load import load
from rules.model.environment import Environment

NOW = datetime(2026, 3, 1, 12, 7, tzinfo=UTC)
RULE = """\
schema: 1
id: low
mode: live
trigger: {every: 1m}
scope: {per: [offer]}
data: {window: 24h, need: {clicks: 50}}
when: {all: ["cr < 9%"]}
then: [{pause: offer, hold: 12h}]
"""


@pytest.fixture
def rule():
    return load(RULE, name="low.yaml", environment=Environment()).revisions[0]


def ran(session, outcome, *, minutes):
    at = NOW - timedelta(minutes=minutes)
    session.add(
        Run(
            rule_id="low", revision="0", mode="live", cause=Cause.SLOT, cause_key=f"{minutes}", due_at=at,
            started_at=at, yes=0, no=1, no_decision=0, outcome=outcome,
        )
    )  # fmt: skip


def told(store, rule, **more):
    with store.read() as session:
        [found] = strips(session, [rule], NOW, **{"known": {}, "patience": 60.0} | more)
    return found


def test_a_quarter_is_told_by_the_gravest_of_its_checks(store, rule):
    with store.write() as session:
        for minutes, outcome in ((1, "nothing"), (2, "ready"), (3, "nothing"), (20, "shadow"), (21, "error")):
            ran(session, outcome, minutes=minutes)
    found = told(store, rule)
    parts = [(one.place, one.length, one.outcome, one.checks) for one in found.stretches]
    assert parts == [(0, 94, None, 0), (94, 1, "error", 2), (95, 1, "ready", 3)]
    assert (found.checks, found.quarters("ready")) == (5, 1)


def test_it_reaches_back_a_day_and_no_further(store, rule):
    with store.write() as session:
        ran(session, "ready", minutes=24 * 60 - 10)
        ran(session, "ready", minutes=25 * 60)
    assert told(store, rule).checks == 1


def test_a_rule_that_never_ran_has_an_empty_strip(store, rule):
    found = told(store, rule)
    assert (found.last, found.checks, [one.length for one in found.stretches]) == (None, 0, [CELLS])


def test_a_finished_quarter_is_read_once(store, rule):
    known = {}
    with store.write() as session:
        ran(session, "nothing", minutes=30)
    assert told(store, rule, known=known).checks == 1
    assert len(known) == CELLS - 1
    with store.write() as session:
        ran(session, "nothing", minutes=31)
        ran(session, "nothing", minutes=1)
    assert told(store, rule, known=known).checks == 2  # of the finished quarter what was read, and the newest anew


def test_what_one_page_has_no_time_for_the_next_one_reads(store, rule):
    known = {}
    with store.write() as session:
        ran(session, "nothing", minutes=1)
        ran(session, "nothing", minutes=60)
    assert told(store, rule, known=known, patience=0.0).checks == 1
    assert told(store, rule, known=known).checks == 2


def test_quarters_that_are_over_a_day_old_are_forgotten(store, rule):
    known = {NOW - timedelta(days=2): {}}
    told(store, rule, known=known)
    assert min(known) > NOW - timedelta(days=1) - QUARTER
