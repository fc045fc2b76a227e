"""What breaks hurts only itself: one rule that cannot be scheduled, one event that raises at some step."""

from dataclasses import replace

import pytest
from rule_texts import minute_rule, onboarding_rule, pause_rule

from bridge.decisions import event_batches, schedule
from bridge.notifications import collect
from bridge.observability.bulkhead import Bulkhead
from bridge.operations import approval_review, decide, maintenance, notify
from bridge.operations.health_checks import checks
from bridge.store import failing_items, heartbeats
from bridge.store.journal import MAX_ATTEMPTS, Event
from bridge.store.ledger import Effect
from bridge.store.runs import Run
from bridge.store.slots import Slot

EACH_EVENT = onboarding_rule("greet", email="{{ body.email }}")


class Unschedulable:
    """A rule of which a fault in the product makes something that has no due time."""

    id, timed = "broken", True

    @property
    def trigger(self):
        raise ValueError("day out of range")


def failing(network):
    with network.services.store.read() as session:
        return failing_items.failing(session)


def test_a_rule_that_cannot_be_scheduled_leaves_all_others_their_due_times(network):
    network.rule(minute_rule("good"))
    store = network.services.store
    with store.read() as session:
        active = network.services.library.current(session).active()
    schedule.open_due(store, [Unschedulable(), *active], network.now, Bulkhead(store, network.now))
    assert [slot.key for slot in network.all(Slot)] == ["rule:good"]
    [one] = failing(network)
    assert one.sentence == "rule broken failed once at step 'schedule': ValueError: day out of range"


def test_a_failing_item_is_in_the_checks_until_it_works_again(network):
    store = network.services.store
    with Bulkhead(store, network.now).item("feed", "clicks", "read"):
        raise RuntimeError("half a page")
    [check] = [one for one in checks(network.services, network.now) if one["name"] == "items"]
    assert (check["status"], "half a page" in check["detail"]) == ("warn", True)
    with Bulkhead(store, network.now).item("feed", "clicks", "read"):
        pass
    assert failing(network) == []


def test_a_tick_goes_on_although_the_rules_cannot_be_loaded(network, monkeypatch):
    monkeypatch.setattr(maintenance, "publish_changes", lambda *_args, **_named: 1 / 0)
    network.rule(minute_rule("good"))
    network.pass_time(minutes=1)
    maintenance.tick(network.services, network.now)
    with network.services.store.read() as session:
        assert heartbeats.last_tick(session) == network.now
    assert [one.key for one in failing(network)] == [("rules", "directory", "load")]


@pytest.mark.parametrize("step", ["observe_postbacks", "read_event", "match_rules", "run_records", "record"])
def test_an_event_that_raises_at_a_step_becomes_a_dead_letter_and_the_others_are_handled(network, monkeypatch, step):
    network.rule(EACH_EVENT)
    real = getattr(event_batches, step)

    def poisoned(*args, **named):
        if b"poison" in b"".join(_bodies(args)):
            raise OverflowError("date value out of range")
        return real(*args, **named)

    monkeypatch.setattr(event_batches, step, poisoned)
    for number in range(4):
        email = "poison@a.example" if number == 1 else f"ann{number}@a.example"
        network.crm({"id": str(number), "go": True, "email": email})
    for _ in range(MAX_ATTEMPTS + 1):
        decide.process_events(network.services, network.now)
    assert [event.state for event in network.all(Event)] == ["done", "dead", "done", "done"]
    assert "OverflowError: date value out of range" in network.all(Event)[1].problem
    assert network.all(Event)[1].problem.startswith("step ")
    assert len(network.all(Run)) == 3


def _bodies(values):
    """The bodies of events anywhere in these arguments."""
    for value in values:
        if hasattr(value, "body"):
            yield value.body
        elif hasattr(value, "event"):
            yield value.event.body
        elif hasattr(value, "evaluation"):
            yield from [value.evaluation.reason.encode()] if hasattr(value.evaluation, "reason") else _plan(value)
        elif hasattr(value, "decision"):
            yield from _plan(value.decision)
        elif isinstance(value, list | tuple):
            yield from _bodies(value)


def _plan(decision):
    return [str(effect.key).encode() for effect in decision.plan.effects]


def test_several_due_times_of_one_rule_make_one_run(network):
    network.rule(minute_rule("good"))
    for _ in range(3):
        network.pass_time(minutes=1)
        maintenance.tick(network.services, network.now)
    assert decide.run_due_rules(network.services, network.now) == 3
    assert len(network.all(Run)) == 1
    assert [slot.state for slot in network.all(Slot) if slot.key == "rule:good"] == ["missed", "missed", "done"]


def test_a_rule_whose_facts_break_has_a_run_with_the_error_and_its_neighbour_runs(network, monkeypatch):
    for name in ("bad", "good"):
        network.rule(minute_rule(name), f"{name}.yaml")
    real = schedule.timed_facts

    def broken(inputs, session, revision, silent, now):
        return real(inputs, session, revision, silent, now) if revision.id == "good" else 1 / 0

    monkeypatch.setattr(schedule, "timed_facts", broken)
    maintenance.tick(network.services, network.now)
    decide.run_due_rules(network.services, network.now)
    assert {run.rule_id: run.outcome for run in network.all(Run)}["bad"] == "error"
    assert {run.rule_id: run.outcome for run in network.all(Run)}["good"] != "error"
    assert [one.key for one in failing(network)] == [("rule", "bad", "decide")]


def test_a_rule_that_cannot_be_recorded_ends_its_own_slot_only(network, monkeypatch):
    for name in ("bad", "good"):
        network.rule(minute_rule(name), f"{name}.yaml")
    real = schedule.record

    def broken(session, records, *, now):
        return 1 / 0 if any(one.run["rule_id"] == "bad" for one in records) else real(session, records, now=now)

    monkeypatch.setattr(schedule, "record", broken)
    maintenance.tick(network.services, network.now)
    decide.run_due_rules(network.services, network.now)
    states = {slot.key: slot.state for slot in network.all(Slot) if slot.kind == "rule"}
    assert states == {"rule:bad": "failed", "rule:good": "done"}


def test_one_kind_of_notices_that_cannot_be_collected_leaves_the_others(network, monkeypatch):
    def broken(*_args):
        raise ValueError("a row that nobody expected")

    monkeypatch.setattr(collect, "_runs", broken)
    network.services.settings = replace(
        network.services.settings, channels={"traffic": {"apprise": "json://127.0.0.1:9/"}}
    )
    notify.collect_notices(network.services, network.now)
    assert [(one.kind, one.step) for one in failing(network)] == [("notices", "collect")]


def test_what_a_rule_holds_comes_back_in_its_time_though_each_of_its_runs_fails(network, monkeypatch):
    network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.rule(pause_rule(guards="{at_most: {targets: 50, share: 100%}}", hold="1h"))
    network.work()
    assert network.paused == ["Bad"]
    monkeypatch.setattr(schedule, "timed_facts", lambda *_args: 1 / 0)
    for _ in range(3):
        network.pass_time(minutes=15)
        network.work()
    assert network.paused == ["Bad"]
    network.pass_time(minutes=16)
    network.work()
    assert network.paused == []


def test_an_effect_that_cannot_be_read_fails_and_the_others_go_out(network):
    network.rule(EACH_EVENT)
    for number in range(3):
        network.crm({"id": str(number), "go": True, "email": f"ann{number}@a.example"})
    while decide.process_events(network.services, network.now).events:
        pass
    with network.services.store.write() as session:
        session.get_one(Effect, 2).wanted = ["of another release"]
    network.work()
    assert [one.state for one in network.all(Effect)] == ["applied", "failed", "applied"]
    assert network.all(Effect)[1].error.startswith("a fault of this program: ")


def test_a_plan_whose_rule_breaks_hides_no_other_plan_that_waits(network, monkeypatch):
    network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    for name in ("bad", "good"):
        network.rule(minute_rule(name, "approve"), f"{name}.yaml")
    network.work()
    real = approval_review.again_for

    def broken(services, session, waiting, now):
        return 1 / 0 if waiting.stored.rule_id == "bad" else real(services, session, waiting, now)

    monkeypatch.setattr(approval_review, "again_for", broken)
    found = {one.rule: one.problem for one in approval_review.reviews(network.services, now=network.now)}
    assert found == {"bad": "a fault of this program: ZeroDivisionError: division by zero", "good": None}
