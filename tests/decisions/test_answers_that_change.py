"""Answers are stored when they change, and every run still says what it said about every item."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rule_texts import minute_rule

from bridge.decisions import answer_history
from bridge.decisions.answer_history import GUARDS, SAMPLE
from bridge.decisions.decide import Cause, Decision
from bridge.decisions.persist import record
from bridge.decisions.records import run_records
from bridge.operations import decide, maintenance
from bridge.operations.explain import explain, parse_subject
from bridge.operations.verdict_history import past_evaluations
from bridge.reports.items import Items
from bridge.store import runs
from bridge.store.engine import Store, make_engine
from bridge.store.lease import LeaseLost
from bridge.store.ledger import StoredPlan
from bridge.store.runs import Run, StoredVerdict
from rules.loading.load import load
from rules.model.environment import Environment
from rules.model.facts import Subject, Why
from rules.model.plan import Outcome, Plan, Stop
from rules.model.state import State
from rules.model.verdicts import Answer, Evaluation, Trace, Verdict

LIMITS = "{at_most: {targets: 100, share: 100%}}"
REVISION = load(
    minute_rule("low", "shadow", guards=LIMITS), name="low.yaml", environment=Environment(), tests=False
).revisions[0]


@pytest.fixture
def empty(sqlite_template, tmp_path_factory):
    """Makes an empty store; one for each example."""
    made = []

    def make():
        path = tmp_path_factory.mktemp("answers") / "bridge.db"
        path.write_bytes(sqlite_template.read_bytes())
        made.append(Store(make_engine(f"sqlite:///{path}")))
        return made[-1]

    yield make
    for store in made:
        store.close()


def decision(number, said, now):
    """A run that says these answers: offer → (answer, guard or nothing)."""
    items = Items((Subject(("offer",), (str(offer),)) for offer in said), ("offer",))
    answers = np.array([answer for answer, _ in said.values()], np.int8)

    def explained(row):
        return Verdict(items[row], Answer(int(answers[row])), Why.KNOWN, "because", Trace(text="cr < 1%"))

    stops = tuple(
        Stop(guard=guard, message="no", subject=item)
        for item, (answer, guard) in zip(items, said.values(), strict=True)
        if guard and answer == 1
    )
    none = np.zeros(len(items), np.uint8)
    return Decision(
        revision=REVISION,
        cause=Cause(kind=runs.Cause.SLOT, key=f"slot:{number}", due_at=now),
        started_at=now,
        evaluation=Evaluation(REVISION, now, items, answers, none, answers, explained),
        plan=Plan(
            rule="low", revision=REVISION.hash, outcome=Outcome.STOPPED if stops else Outcome.NOTHING, stops=stops
        ),
        state=State(),
    )


def write(store, memory, made, now):
    with store.read() as session:
        before = answer_history.load(session, memory, ["low"])
    [one] = run_records([made], now, before)
    with store.write() as session:
        [number] = record(session, [one], now=now)
    if one.change is not None:
        memory["low"] = answer_history.numbered(one.change.after, number)
    return number


cell = st.tuples(st.sampled_from([-1, 0, 1]), st.sampled_from(["", "held", "cooldown"]))
evaluation = st.dictionaries(st.integers(1, 12), cell, min_size=2)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(evaluation, st.integers(0, 1), st.sampled_from([1, 1, 1, 400])), min_size=1, max_size=8))
def test_every_run_says_what_it_said_whichever_worker_wrote_it(empty, now, story):
    """Two workers take turns with what each remembers; items come and go; now and then everything is stored again."""
    store, memories, said = empty(), ({}, {}), {}
    for number, (found, worker, minutes) in enumerate(story):
        now += timedelta(minutes=minutes)
        said[write(store, memories[worker], decision(number, found, now), now)] = found
    with store.read() as session:
        kept = session.query(Run).all()
        for offer in range(1, 13):
            about = runs.answers_about(session, kept, f"offer={offer}")
            assert about == {run: found.get(offer, (None,))[0] for run, found in said.items()}


def test_a_run_without_a_change_writes_nothing_but_its_counts(empty, now):
    store, memory = empty(), {}
    same = {offer: (offer % 3 - 1, "held") for offer in range(40)}
    for number in range(4):
        write(store, memory, decision(number, same, now + timedelta(minutes=number)), now + timedelta(minutes=number))
    with store.read() as session:
        first, *later = session.query(Run).all()
        assert first.answers
        assert [(run.answers, run.yes, run.plan_of) for run in later] == [(None, first.yes, first.id)] * 3
        assert {row.run_id for row in session.query(StoredVerdict)} == {first.id}
        assert {row.run_id for row in session.query(StoredPlan)} == {first.id}


def test_a_verdict_is_stored_when_its_guard_changes(empty, now):
    store, memory = empty(), {}
    held = dict.fromkeys(range(40), (0, "")) | {7: (1, "held")}
    write(store, memory, decision(0, held, now), now)
    cooling = write(store, memory, decision(1, held | {7: (1, "cooldown")}, now), now)
    with store.read() as session:
        [row] = session.query(StoredVerdict).where(StoredVerdict.run_id == cooling)
        assert row.subject == "offer=7"


def test_everything_is_stored_again_after_a_while(empty, now):
    store, memory = empty(), {}
    same = dict.fromkeys(range(10), (1, "held"))
    write(store, memory, decision(0, same, now), now)
    again = write(store, memory, decision(1, same, now + SAMPLE), now + SAMPLE)
    with store.read() as session:
        assert session.get(Run, again).answers
        assert session.query(StoredVerdict).where(StoredVerdict.run_id == again).count() == 10


def test_two_workers_that_record_at_once_do_not_build_on_the_same_run(empty, now):
    store, mine, theirs = empty(), {}, {}
    same = dict.fromkeys(range(10), (0, ""))
    write(store, mine, decision(0, same, now), now)
    with store.read() as session:
        before = answer_history.load(session, mine, ["low"])
    write(store, theirs, decision(1, same | {3: (1, "")}, now), now)
    [late] = run_records([decision(2, same, now)], now, before)
    with pytest.raises(LeaseLost), store.write() as session:
        record(session, [late], now=now)


def test_retention_keeps_what_the_answers_of_later_runs_are_built_on(empty, now):
    store, memory = empty(), {}
    dull = dict.fromkeys(range(10), (0, ""))
    write(store, memory, decision(0, dull, now), now)
    write(store, memory, decision(1, dull | {3: (-1, "")}, now), now)
    last = write(store, memory, decision(2, dull | {4: (1, "held")}, now), now)
    later = now + timedelta(days=30)
    with store.write() as session:
        runs.forget(session, dull_before=later, all_before=now - timedelta(days=1))
    with store.read() as session:
        kept = session.query(Run).all()
        assert runs.answers_about(session, [kept[-1]], "offer=3") == {last: 0}
    with store.write() as session:
        runs.forget(session, dull_before=later, all_before=later)
        assert session.query(Run).count() == 0


def test_codes_of_guards_are_told_apart():
    assert len(set(GUARDS)) == len(GUARDS) < 125


@pytest.mark.parametrize("mode", ["shadow", "live"])
def test_what_is_explained_at_any_run_is_what_was_stored(network, mode):
    """Recomputed from the observations as they were known then, for every item and every run."""
    for number in range(6):
        network.world.offer(f"Offer {number}", clicks=80 + 20 * number, conversions=number % 3)
    network.rule(minute_rule("low", mode, guards=LIMITS))
    for _ in range(4):
        network.work()
        network.world.offer("New", clicks=150, conversions=1)
        network.pass_time(minutes=1)
    with network.services.store.read() as session:
        moments = [run.started_at for run in session.query(Run)]
    compared = 0
    for at in moments:
        for number in range(1001, 1010):
            subject = parse_subject(f"offer={number}")
            with network.services.store.read() as session:
                newest = past_evaluations(session, "low", subject, until=at)[0]
            told = explain(network.services, "low", subject, now=network.now, at=at)
            if newest.answer is not None and newest.at == at:
                compared += 1
                assert (number, told.verdict.answer.word) == (number, newest.answer)
    assert compared >= 4 * 6


def test_a_worker_that_starts_goes_on_where_the_last_one_was(network):
    network.world.offer("Bad", clicks=1000, conversions=1)
    network.world.offer("Good", clicks=1000, conversions=100)
    network.rule(minute_rule("low", "shadow", guards=LIMITS))
    for _ in range(2):
        network.work()
        network.services.rule_answers.clear()
        network.pass_time(minutes=1)
        maintenance.tick(network.services, network.now)
        decide.run_due_rules(network.services, network.now)
    first, *later = network.all(Run)
    assert [run.base_id for run in later if run.answers is None] == [first.id] * len(later)


def test_a_worker_remembers_what_a_rule_said_and_need_not_read_it_again(network, monkeypatch):
    network.world.offer("Bad", clicks=1000, conversions=1)
    network.world.offer("Good", clicks=1000, conversions=100)
    network.rule(minute_rule("low", "shadow", guards=LIMITS))
    network.work()
    read = []
    monkeypatch.setattr(runs, "packed_answers", lambda *asked: read.append(asked))
    network.pass_time(minutes=1)
    network.work()
    assert len(network.all(Run)) == 2
    assert read == []
    assert set(network.services.rule_answers) == {"low"}
