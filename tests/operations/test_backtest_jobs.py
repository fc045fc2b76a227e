"""A backtest that is asked for: run by a worker, one at a time, and always with an end that one can see."""

import os
from dataclasses import replace
from datetime import timedelta

import pytest
from rule_texts import onboarding_rule

from bridge.operations import NotThere, OperationError, Refused, backtest_jobs, maintenance
from bridge.operations.backtest import BacktestRequest
from bridge.operations.backtest_jobs import CompareWith, Sweep
from bridge.operations.errors import TooMany
from bridge.operations.retention import apply_retention
from bridge.services import container
from bridge.services.queue import WakeUp
from bridge.store import backtest_jobs as store_backtest_jobs
from bridge.store import backtest_results, lease_release
from bridge.store.backtest_jobs import BacktestJob

RULE = """
schema: 1
id: ID
mode: shadow
trigger: {every: 15m}
scope: {per: [offer]}
data: {window: 24h, need: {clicks: 100}}
when: {all: ["cr < 1% @95%"]}
then:
  - pause: offer
    hold: 12h
"""
ABOUT_EVENTS = onboarding_rule(mode="shadow", when="body.size > 10")


@pytest.fixture
def network(on_either_database):
    network = on_either_database
    for name in ("low-cr", "low-cr-too"):
        network.rule(RULE.replace("ID", name), f"{name}.yaml")
    return network


@pytest.fixture
def ask(network):
    def asked(rule="low-cr", days=1.0):
        question = BacktestRequest(start=network.now - timedelta(days=days), end=network.now)
        return backtest_jobs.ask(network.services, rule, question, who="anna", now=network.now)

    return asked


def now_of(network, job):
    with network.services.store.read() as session:
        return session.get_one(BacktestJob, job.id)


def begin(network, **seen):
    """As a worker does, which then is killed."""
    with network.services.store.write() as session:
        job = store_backtest_jobs.take(session, network.now)
        store_backtest_jobs.proceed(session, job, seen, network.now)
    return job


def test_a_worker_runs_what_was_asked_for_and_keeps_what_came_out(network, ask):
    asked = ask()
    assert backtest_jobs.run_next(network.services, network.now)
    done = now_of(network, asked)
    assert (done.state, done.evaluations, done.evaluations_done) == ("done", 97, 97)
    with network.services.store.read() as session:
        kept = session.get_one(backtest_results.Backtest, done.backtest_id)
    assert kept.by == "anna"
    assert [row["rule"] for row in kept.figures["costs"]] == ["low-cr"] * len(kept.figures["costs"])
    assert {"honest_paused", "unnoticed_hours", "missing_revenue"} <= kept.figures["costs"][0].keys()


@pytest.mark.parametrize(
    ("limit", "said"),
    [("MAX_OPEN_JOBS_PER_ASKER", "anna has 1 open backtests"), ("MAX_OPEN_JOBS", "1 backtests are open")],
)
def test_few_are_open_at_once_of_one_asker_and_of_all(network, ask, monkeypatch, limit, said):
    monkeypatch.setattr(backtest_jobs, limit, 1)
    ask()
    with pytest.raises(TooMany, match=said):
        ask("low-cr-too")


def test_asking_wakes_a_worker(network, ask):
    ask()
    assert network.wake_ups.names[-1] == "rules.backtest"


def test_a_lost_message_is_made_up_for_by_the_sweep(network, ask):
    ask()
    assert WakeUp("rules.backtest") in maintenance.stalled_tasks(network.services, network.now)


def test_a_rule_is_tried_once_at_a_time(network, ask):
    ask()
    with pytest.raises(Refused, match="is waiting already; wait for it, or stop it"):
        ask()


def test_two_workers_do_not_run_two_at_once(network, ask):
    ask()
    ask("low-cr-too")
    begin(network)
    assert not backtest_jobs.run_next(network.services, network.now)
    assert WakeUp("rules.backtest") not in maintenance.stalled_tasks(network.services, network.now)


def test_one_whose_worker_was_killed_ends_with_the_reason(network, ask):
    asked = ask()
    begin(network, evaluations=97, evaluations_done=48)
    network.pass_time(minutes=2)
    maintenance.tick(network.services, network.now)
    ended = now_of(network, asked)
    assert ended.state == "failed"
    assert ended.problem == "the worker that ran it ended without a word, 49% done; try it again"
    assert ask().id != asked.id


def test_a_worker_that_was_thought_dead_writes_nothing_any_more(network, ask):
    asked = ask()
    zombie = begin(network)
    network.pass_time(minutes=2)
    maintenance.tick(network.services, network.now)
    with network.services.store.write() as session:
        assert not store_backtest_jobs.proceed(session, zombie, {"evaluations_done": 90}, network.now)
        assert not store_backtest_jobs.end(session, zombie, network.now, backtest=1)
    assert now_of(network, asked).state == "failed"


def test_what_a_leaving_worker_gives_back_is_begun_anew_by_another(network, ask):
    asked = ask()
    begin(network)
    with network.services.store.write() as session:
        lease_release.hand_back(session, [os.getpid()], network.now)
    maintenance.tick(network.services, network.now)
    assert backtest_jobs.run_next(network.services, network.now)
    assert now_of(network, asked).state == "done"


def test_one_that_is_stopped_ends_and_is_begun_by_nobody(network, ask):
    asked = ask()
    backtest_jobs.stop(network.services, asked.id, who="ben", now=network.now)
    assert not backtest_jobs.run_next(network.services, network.now)
    assert now_of(network, asked).problem == "stopped by ben"
    with pytest.raises(Refused, match="has ended already"):
        backtest_jobs.stop(network.services, asked.id, who="ben", now=network.now)


def test_one_that_takes_too_long_says_how_far_it_came_and_what_to_do(network, ask):
    asked = ask()
    start = network.now

    def hurried():
        network.now += timedelta(minutes=1)
        return network.now

    network.services.clock = hurried
    backtest_jobs.run_next(network.services, start)
    assert "% after 8 minutes; choose a shorter time range or a longer step" in now_of(network, asked).problem


def test_a_worker_that_is_asked_to_go_puts_it_back(network, ask, monkeypatch):
    asked = ask()
    leaving = container._SharedFlag()
    leaving.set()
    monkeypatch.setattr(container, "leaving", leaving)
    backtest_jobs.run_next(network.services, network.now)
    assert now_of(network, asked).state == "waiting"


@pytest.mark.parametrize(
    ("rule", "days", "error", "words"),
    [
        ("nothing", 1, NotThere, "it is not loaded"),
        ("low-cr", 300, OperationError, "choose a shorter time range"),
        ("low-cr", -1, OperationError, "later than from"),
        ("onboarding", 1, OperationError, "rules test"),
    ],
)
def test_what_cannot_be_tried_is_refused_at_once(network, ask, rule, days, error, words):
    network.rule(ABOUT_EVENTS, "onboarding.yaml")
    with pytest.raises(error, match=words):
        ask(rule, days)


EVERY_MINUTE = RULE.replace("ID", "each-minute").replace("every: 15m", "every: 1m")


def test_the_evaluations_of_a_job_are_counted_at_the_interval_of_its_rule(network):
    network.rule(EVERY_MINUTE, "each-minute.yaml")
    question = BacktestRequest(start=network.now - timedelta(days=30), end=network.now)
    with pytest.raises(OperationError, match=r"every 60 s is 43,201 evaluations.*17 days would do"):
        backtest_jobs.ask(network.services, "each-minute", question, who="anna", now=network.now)
    longer = replace(question, step=timedelta(minutes=15))
    assert backtest_jobs.ask(network.services, "each-minute", longer, who="anna", now=network.now).is_open


def test_a_page_has_a_rule_evaluated_as_often_as_one_job_may_have_it(network):
    network.rule(EVERY_MINUTE, "each-minute.yaml")
    question = BacktestRequest(start=network.now - timedelta(days=30), end=network.now)
    found = backtest_jobs.ask(network.services, "each-minute", question, who="anna", now=network.now, coarser=True)
    assert found.step_seconds == 120
    backtest_jobs.stop(network.services, found.id, who="anna", now=network.now)
    week = replace(question, start=network.now - timedelta(days=7))
    assert (
        backtest_jobs.ask(network.services, "each-minute", week, who="anna", now=network.now, coarser=True).step_seconds
        is None
    )


def test_the_evaluations_of_all_thresholds_of_a_sweep_count(network):
    question = BacktestRequest(start=network.now - timedelta(days=60), end=network.now)
    with pytest.raises(OperationError, match="every 15 min, 7 times over is 40,327 evaluations"):
        backtest_jobs.ask(network.services, "low-cr", question, who="anna", now=network.now, about=Sweep("cr=0.5%..2%"))


def test_a_comparison_counts_the_evaluations_of_the_earlier_revision_at_its_own_interval(network):
    network.rule(EVERY_MINUTE, "each-minute.yaml")
    with network.services.store.read() as session:
        before = network.services.library.current(session).revisions["each-minute"].hash
    network.rule(EVERY_MINUTE.replace("every: 1m", "every: 15m"), "each-minute.yaml")
    question = BacktestRequest(start=network.now - timedelta(days=30), end=network.now)
    with pytest.raises(OperationError, match="2 times over is 46,082 evaluations"):
        backtest_jobs.ask(
            network.services, "each-minute", question, who="anna", now=network.now, about=CompareWith(before)
        )


def test_old_ones_are_forgotten(network, ask):
    ask()
    network.work()
    network.pass_time(days=8)
    apply_retention(network.services, network.now)
    assert network.all(BacktestJob) == []


def told(network, rule, about):
    """The answer of a job about a day of the past."""
    question = BacktestRequest(start=network.now - timedelta(days=1), end=network.now)
    job = backtest_jobs.ask(network.services, rule, question, who="anna", now=network.now, about=about)
    network.work()
    return now_of(network, job)


def test_a_sweep_is_a_job_that_counts_the_checks_of_all_thresholds(network):
    job = told(network, "low-cr", Sweep("cr=0.5%..2%"))
    assert (job.state, job.problem) == ("done", None)
    assert [row["value"] for row in job.answer["tried"]][::6] == ["0.005", "0.02"]
    assert job.evaluations == 7 * 97  # quarter hours of a day, both ends included


def test_two_revisions_are_compared_by_a_job(network):
    with network.services.store.read() as session:
        before = network.services.library.current(session).revisions["low-cr"].hash
    network.rule(RULE.replace("ID", "low-cr").replace("cr < 1%", "cr < 2%"), "low-cr.yaml")
    job = told(network, "low-cr", CompareWith(before))
    assert (job.state, job.problem) == ("done", None)
    assert (job.answer["old_revision"], job.answer["only_old"]) == (before, [])


@pytest.mark.parametrize(
    ("about", "error"),
    [(Sweep("epc=1..2"), OperationError), (Sweep("cr=x..y"), OperationError), (CompareWith("0" * 16), NotThere)],
)
def test_what_cannot_be_swept_or_compared_is_refused_at_once(network, about, error):
    with pytest.raises(error):
        told(network, "low-cr", about)
