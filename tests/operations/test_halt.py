"""While everything is halted, events and due runs wait; at resume they are decided about, or dropped with a list."""

import pytest
from rule_texts import minute_rule, onboarding_rule

from bridge.decisions import event_batches, schedule
from bridge.operations import maintenance
from bridge.operations.halt import resume
from bridge.operations.health_checks import checks
from bridge.operations.replay import replay
from bridge.operations.restore import distrust
from bridge.store import halts
from bridge.store.journal import Event
from bridge.store.runs import Run

EACH_EVENT = onboarding_rule("greet", email="{{ body.email }}")


def halted(network):
    """A halt under which an event and three due times of a rule come in."""
    network.rule(EACH_EVENT)
    network.rule(minute_rule("timed"), "timed.yaml")
    with network.services.store.write() as session:
        halts.halt(session, by="ann", why="outage", now=network.now)
    network.crm({"id": "1", "go": True, "email": "ann@a.example"})
    for _ in range(3):
        network.pass_time(minutes=1)
        network.work()


def go_on(network, events="decide"):
    found = resume(network.services, who="ann", now=network.now, events=events)
    network.work()
    return found


def test_events_and_due_runs_wait_and_are_decided_about_at_resume(network):
    halted(network)
    assert ([event.state for event in network.all(Event)], network.all(Run)) == (["received"], [])
    found = go_on(network)
    assert (found.waiting.events, found.waiting.runs) == (1, 1)
    assert sorted(run.rule_id for run in network.all(Run)) == ["greet", "timed"]
    assert len(list(network.world.directory.publishers.living())) == 1


def test_they_are_decided_about_by_the_rules_of_then(network):
    halted(network)
    network.rule(EACH_EVENT.replace("mode: live", "mode: shadow"))
    go_on(network)
    assert [run.outcome for run in network.all(Run) if run.rule_id == "greet"] == ["shadow"]


def test_what_waited_can_be_dropped_and_is_listed_and_can_be_replayed(network):
    halted(network)
    [event] = network.all(Event)
    found = go_on(network, "drop")
    assert list(found.dropped_events) == [event.id]
    assert [one.partition(" of ")[0] for one in found.dropped_runs] == ["timed"] * 3
    assert "dropped at resume by ann" in network.all(Event)[0].problem
    assert [run for run in network.all(Run) if run.rule_id == "greet"] == []
    replay(network.services, [event.id], revision="current", who="ann", now=network.now)
    network.work()
    assert len(list(network.world.directory.publishers.living())) == 1


def test_the_checks_say_how_much_waits(network):
    halted(network)
    [check] = [one for one in checks(network.services, network.now) if one["name"] == "halt"]
    assert check["detail"] == "halted by ann: outage; 1 event, 1 due run and 0 effects wait"


def test_nobody_is_asked_to_work_while_halted(network):
    halted(network)
    wanted = {one.task for one in maintenance.stalled_tasks(network.services, network.now)}
    assert wanted.isdisjoint({"journal.process", "rules.run_due"})


def test_events_of_a_restored_copy_are_not_used_up(network):
    network.rule(EACH_EVENT)
    network.crm({"id": "1", "go": True, "email": "ann@a.example"})
    with network.services.store.write() as session:
        distrust(session, by="ann", why="restored", now=network.now)
    network.work()
    assert network.all(Event)[0].state == "received"
    go_on(network)
    assert len(list(network.world.directory.publishers.living())) == 1


def begin_between_asking_and_planning(network, monkeypatch, module):
    """A halt that begins when the rules have been asked and not yet planned."""
    planned = module.in_turn

    def late(*arguments, **named):
        with network.services.store.write() as session:
            halts.halt(session, by="ann", why="outage", now=network.now)
        planned(*arguments, **named)

    monkeypatch.setattr(module, "in_turn", late)


@pytest.mark.parametrize(("module", "rule"), [(event_batches, "greet"), (schedule, "timed")])
def test_what_was_asked_before_the_halt_and_not_yet_planned_waits_too(network, monkeypatch, module, rule):
    network.rule(EACH_EVENT)
    network.rule(minute_rule("timed"), "timed.yaml")
    with monkeypatch.context() as patch:
        begin_between_asking_and_planning(network, patch, module)
        network.crm({"id": "1", "go": True, "email": "ann@a.example"})
        network.pass_time(minutes=1)
        network.work()
    assert rule not in {run.rule_id for run in network.all(Run)}
    go_on(network)
    assert sorted(run.rule_id for run in network.all(Run)) == ["greet", "timed"]
    assert "halt" not in {run.outcome for run in network.all(Run)}
    assert len(list(network.world.directory.publishers.living())) == 1
