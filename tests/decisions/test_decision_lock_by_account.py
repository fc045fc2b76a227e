"""Evaluating takes no lock; planning and recording take one for each account, and lose no work when it is lost."""

import json
import threading
from datetime import timedelta

import pytest
from network import TOKEN, YAML, Network
from rule_texts import minute_rule

from bridge.decisions import account_lock, event_batches, schedule
from bridge.decisions.event_batches import Lane, lanes
from bridge.operations import decide, maintenance
from bridge.services.container import Services
from bridge.store import decision_lock
from bridge.store.decision_lock import DecisionLock
from bridge.store.engine import Store, make_engine
from bridge.store.journal import Event
from bridge.store.lease import LeaseLost
from bridge.store.ledger import Effect
from bridge.store.runs import Run
from bridge.store.slots import Slot

EACH_EVENT = """
schema: 1
id: NAME
mode: live
account: ACCOUNT
trigger: {webhook: {source: SOURCE}}
when: {all: ["body.go = true"]}
then: [{pause: offer, which: "{{ body.offer }}", hold: 12h}]
"""
SECOND = """
  second:
    base_url: http://integr8.test
    api_key: ${INTEGR8_API_KEY}
    integrations: {default: "${INTEGR8_INTEGRATION_ID}"}
    rate: {per_second: 1000, burst: 1000}
    poll: {clicks: 60, conversions: 60, entities: 60, details: 0}
sources:
  shop: {verify: bearer, token: "${CRM_TOKEN}", event_type: type, delivery_id: id}
"""


def rule(name="low", mode="live"):
    return minute_rule(name, mode, guards="{at_most: {targets: 100, share: 100%}}")


def traffic(network):
    offer = network.world.offer("Bad", clicks=1000, conversions=1)
    network.world.offer("Good", clicks=1000, conversions=100)
    return offer


def due(network):
    maintenance.tick(network.services, network.now)


def locks(network):
    with network.services.store.read() as session:
        return {one.name: one for one in session.query(DecisionLock)}


@pytest.fixture
def other():
    """Makes the same service once more, as another process has it."""
    made = []

    def make(network):
        store = Store(make_engine(network.services.settings.database_url))
        made.append(store)
        return Services(network.services.settings, clock=lambda: network.now, queue=network.wake_ups, store=store)

    yield make
    for store in made:
        store.close()


def during(monkeypatch, rule_id, act):
    """Call `act` once, between the evaluation of a rule and its plan."""
    real, done = schedule.evaluate_rule, []

    def evaluate(context, *, causes):
        found = real(context, causes=causes)
        if context.revision.id == rule_id and not done:
            done.append(rule_id)
            act()
        return found

    monkeypatch.setattr(schedule, "evaluate_rule", evaluate)


def test_while_a_rule_is_evaluated_events_are_decided(on_either_database, monkeypatch):
    network = on_either_database
    traffic(network)
    network.rule(rule())
    network.rule(
        EACH_EVENT.replace("NAME", "at-once").replace("SOURCE", "crm").replace("account: ACCOUNT\n", ""), "e.yaml"
    )
    due(network)
    network.crm({"id": "1", "go": True, "offer": "1001"})
    during(monkeypatch, "low", lambda: decide.process_events(network.services, network.now))
    decide.run_due_rules(network.services, network.now)
    assert [one.rule_id for one in network.all(Run)] == ["at-once", "low"]
    assert [one.state for one in network.all(Event)] == ["done"]


def test_an_evaluation_that_outlasts_every_lease_is_recorded_once(on_either_database, other, monkeypatch):
    """The first worker's evaluation takes ten minutes. The second one takes the rule over, the first one comes late."""
    network = on_either_database
    traffic(network)
    network.rule(rule())
    network.work()
    network.pass_time(minutes=1)
    due(network)
    began, runs = network.now, len(network.all(Run))

    second = other(network)

    def ten_minutes():
        network.now = began + timedelta(minutes=10)
        while decide.run_due_rules(second, network.now):
            pass

    during(monkeypatch, "low", ten_minutes)
    with pytest.raises(LeaseLost):
        decide.run_due_rules(network.services, began)
    assert len(network.all(Run)) == runs + 1
    assert {slot.state for slot in network.all(Slot) if slot.kind == "rule"} == {"done"}


def test_a_slow_evaluation_keeps_its_slots_because_they_are_renewed(network, monkeypatch):
    traffic(network)
    network.rule(rule())
    due(network)
    monkeypatch.setattr(schedule.slots, "LEASE", timedelta(seconds=0.3))
    renewals = threading.Event()
    real = schedule.slots.renew

    def renew(session, taken, end):
        real(session, taken, end)
        renewals.set()

    monkeypatch.setattr(schedule.slots, "renew", renew)
    during(monkeypatch, "low", lambda: renewals.wait(60))
    assert decide.run_due_rules(network.services, network.now) >= 1
    assert renewals.is_set()
    assert len(network.all(Run)) == 1


def test_a_lost_lock_loses_no_evaluation(on_either_database, monkeypatch):
    network = on_either_database
    traffic(network)
    network.rule(rule())
    network.work()
    network.pass_time(minutes=1)
    due(network)
    real, made = account_lock.held, []
    evaluations = []
    during(monkeypatch, "low", lambda: evaluations.append(1))

    def stolen(store, account, now, **named):
        made.append(account)
        manager = real(store, account, now, **named)
        if len(made) == 1:
            return Robbed(store, account, manager)
        return manager

    monkeypatch.setattr(account_lock, "held", stolen)
    assert decide.run_due_rules(network.services, network.now) >= 1
    assert made == ["main", "main"]
    assert evaluations == [1]
    assert [one.rule_id for one in network.all(Run)][-1] == "low"


class Robbed:
    """A lock that another worker takes while it is held."""

    def __init__(self, store, account, manager):
        self.store, self.name, self.manager = store, decision_lock.of_account(account), manager

    def __enter__(self):
        found = self.manager.__enter__()
        with self.store.write() as session:
            row = session.get(DecisionLock, self.name)
            row.fence += 1
            row.holder, row.until = None, None
        return found

    def __exit__(self, *error):
        return self.manager.__exit__(*error)


def test_two_workers_never_let_a_guard_through_twice(on_either_database, other):
    """`keep_active: 1` over two rules, each in its own worker, at the same moment."""
    network = on_either_database
    for name in ("One", "Two"):
        network.world.offer(name, clicks=1000, conversions=1)
    keep = "guards: {keep_active: {offers: 1}, at_most: {targets: 100, share: 100%}}"
    plain = "guards: {at_most: {targets: 100, share: 100%}}"
    for number in (1, 2):
        where = f"scope: {{per: [offer], where: {{offer.id: [{1000 + number}]}}}}"
        network.rule(
            rule(f"keep-{number}").replace(plain, keep).replace("scope: {per: [offer]}", where), f"{number}.yaml"
        )
    network.work()
    network.pass_time(minutes=1)
    due(network)
    barrier = threading.Barrier(2)

    def work(services):
        barrier.wait(60)
        while decide.run_due_rules(services, network.now):
            pass

    threads = [threading.Thread(target=work, args=(one,)) for one in (network.services, other(network))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    pausing = [one for one in network.all(Effect) if one.verb == "pause"]
    assert len(pausing) <= 1


def test_shadow_rules_take_no_lock(network):
    traffic(network)
    network.rule(rule("quiet", "shadow"))
    network.work()
    assert [one.rule_id for one in network.all(Run)] == ["quiet"]
    assert decision_lock.of_account("main") not in locks(network)


def test_a_rule_that_was_slow_is_evaluated_when_the_others_are_recorded(network):
    traffic(network)
    for name in ("a-slow", "b-quick"):
        network.rule(rule(name, "shadow"), f"{name}.yaml")
    network.services.rule_seconds["a-slow"] = 100.0
    due(network)
    decide.run_due_rules(network.services, network.now)
    assert [one.rule_id for one in network.all(Run)] == ["b-quick"]
    decide.run_due_rules(network.services, network.now)
    assert [one.rule_id for one in network.all(Run)] == ["b-quick", "a-slow"]
    assert [slot.attempts for slot in network.all(Slot) if slot.key == "rule:a-slow"] == [1]


def test_nobody_takes_another_slot_of_a_rule_that_somebody_evaluates(network, other, monkeypatch):
    traffic(network)
    network.rule(rule())
    due(network)

    second = other(network)

    def a_minute_later():
        network.pass_time(minutes=1)
        maintenance.tick(second, network.now)
        assert decide.run_due_rules(second, network.now) == 0

    during(monkeypatch, "low", a_minute_later)
    decide.run_due_rules(network.services, network.now)
    assert len(network.all(Run)) == 1


@pytest.fixture
def two_accounts(tmp_path, sqlite_url, now, monkeypatch):
    made = Network(tmp_path / "home", sqlite_url, now, monkeypatch, yaml=YAML.replace("sources:\n", SECOND[1:], 1))
    yield made
    made.close()


def shop(network, body):
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    assert network.webhooks.post("/hooks/shop", data=json.dumps(body), headers=headers).status_code == 202


def event_rule(name, account, source):
    return EACH_EVENT.replace("NAME", name).replace("ACCOUNT", account).replace("SOURCE", source)


def test_accounts_that_hear_no_source_in_common_have_lanes_of_their_own(two_accounts):
    network = two_accounts
    network.rule(event_rule("one", "main", "crm"), "one.yaml")
    network.rule(event_rule("two", "second", "shop"), "two.yaml")
    with network.services.store.read() as session:
        found = lanes(network.services.library.current(session))
    assert sorted(found, key=lambda lane: lane.name) == [
        Lane("events:main", frozenset({"crm"})),
        Lane("events:second", frozenset({"shop"})),
    ]


def test_events_of_one_account_do_not_wait_for_the_rules_of_another(two_accounts, monkeypatch):
    network = two_accounts
    network.rule(event_rule("one", "main", "crm"), "one.yaml")
    network.rule(event_rule("two", "second", "shop"), "two.yaml")
    shop(network, {"id": "1", "go": True, "offer": "1"})
    real, done = event_batches.evaluate_rule, []

    def slow(context, *, causes, per_event):
        if context.revision.id == "two":
            network.crm({"id": "2", "go": True, "offer": "2"})
            decide.process_events(network.services, network.now)
            done.extend(run.rule_id for run in network.all(Run))
        return real(context, causes=causes, per_event=per_event)

    monkeypatch.setattr(event_batches, "evaluate_rule", slow)
    decide.process_events(network.services, network.now)
    assert done == ["one"]
    assert {event.state for event in network.all(Event)} == {"done"}


def test_an_event_that_rules_of_two_accounts_hear_is_finished_when_both_are(two_accounts, monkeypatch):
    network = two_accounts
    network.rule(event_rule("one", "main", "crm"), "one.yaml")
    network.rule(event_rule("two", "second", "crm"), "two.yaml")
    network.crm({"id": "1", "go": True, "offer": "1"})
    real, left = event_batches.record, [2]  # the batch, and then the event alone

    def broken(session, records, *, now):
        if left[0] and any(one.run["rule_id"] == "two" for one in records):
            left[0] -= 1
            raise OverflowError("no")
        return real(session, records, now=now)

    monkeypatch.setattr(event_batches, "record", broken)
    decide.process_events(network.services, network.now)
    assert [event.state for event in network.all(Event)] == ["received"]
    decide.process_events(network.services, network.now)
    assert [event.state for event in network.all(Event)] == ["done"]
    assert sorted(run.rule_id for run in network.all(Run)) == ["one", "two"]
