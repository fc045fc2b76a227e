"""A halt that begins after a worker has claimed effects, between two of their requests."""

import json
import threading

import pytest
from flask import Flask, request
from local_server import served
from network import YAML, Network
from rule_texts import onboarding_rule, pause_rule

from bridge.operations.halt import halt, resume, scope_of
from bridge.store.holds import Hold
from bridge.store.ledger import Effect

SWITCH = ("PUT", "/offers/bulk")  # a switch of many offers
ALL = "{at_most: {targets: 5000, share: 100%}}"


def stop(network, **what):
    halt(network.services, scope_of(network.services, **what), who="ann", why="outage", now=network.now)


def end(network, **what):
    resume(network.services, who="ann", now=network.now, of=scope_of(network.services, **what))


def halting_after(network, method, path, *parts, requests=1):
    """Halt these parts when so many requests of a kind were answered. What each sent, and how it was answered."""
    seen = []

    def after(request, status):
        if request.method == method and request.url.path.endswith(path):
            seen.append((json.loads(request.content), status))
            for part in parts if len(seen) == requests else ():
                stop(network, **part)

    network.after_request = after
    return seen


def states(network):
    return [effect.state for effect in network.all(Effect)]


@pytest.mark.parametrize("part", [{}, {"rule": "greet"}, {"account": "main"}], ids=str)
def test_what_was_created_before_the_halt_is_not_created_again_and_its_password_is_kept(network, part):
    network.rule(onboarding_rule("greet", email="{{ body.email }}"))
    for number in range(4):
        network.crm({"id": str(number), "go": True, "email": f"ann{number}@a.example"})
    made = halting_after(network, "POST", "/publishers", part)
    network.work()
    assert (len(made), states(network)) == (1, ["applied", "planned", "planned", "planned"])
    for _ in range(3):
        network.pass_time(minutes=2)
        network.work()
    assert len(made) == 1
    end(network, **part)
    network.pass_time(minutes=1)
    network.work()
    assert (len(made), states(network)) == (4, ["applied"] * 4)
    assert len({one["email"] for one, _ in made}) == 4


@pytest.fixture
def one_refused(network):
    """Integr8 refuses a bulk change of twenty offers for one of them, so it is divided until that one is alone."""
    made = [network.world.offer(f"Bad {number}", clicks=500, conversions=0, active=True) for number in range(20)]
    network.world.faults.add({"kind": "refused_ids", "ids": [made[13].key], "status": 400, "operation": "offers.*"})
    return network


def taken(sent):
    """The targets of the requests that Integr8 took."""
    return [one for body, status in sent if status < 400 for one in body["data"]]


@pytest.mark.parametrize("requests", [1, 2, 4])
@pytest.mark.parametrize("part", [{}, {"rule": "low-cr"}, {"account": "main"}], ids=str)
def test_a_bulk_change_of_many_requests_stops_before_the_next_one(one_refused, part, requests):
    network = one_refused
    network.rule(pause_rule(guards=ALL))
    sent = halting_after(network, *SWITCH, part, requests=requests)
    network.work()
    assert len(sent) == requests
    assert len(network.paused) == len(network.all(Hold)) == len(taken(sent))
    assert sorted(states(network)) == ["applied"] * len(taken(sent)) + ["planned"] * (20 - len(taken(sent)))
    network.pass_time(minutes=5)
    network.work()
    assert len(sent) == requests
    end(network, **part)
    network.work()
    assert len(network.paused) == len(network.all(Hold)) == len(taken(sent)) == len(set(taken(sent))) == 19
    assert sorted(states(network)) == ["applied"] * 19 + ["failed"]


def test_of_several_halts_all_but_the_last_to_end_let_nothing_out(one_refused):
    network = one_refused
    network.rule(pause_rule(guards=ALL))
    sent = halting_after(network, *SWITCH, {}, {"account": "main"}, {"rule": "low-cr"}, requests=2)
    network.work()
    for part in ({}, {"account": "main"}):
        end(network, **part)
        network.pass_time(minutes=5)
        network.work()
        assert len(sent) == 2
    end(network, rule="low-cr")
    network.work()
    assert len(network.paused) == 19


def test_the_halt_of_one_rule_keeps_nothing_of_another_back_that_shared_its_request(one_refused):
    network = one_refused
    for rule, numbers in (("first", range(1001, 1011)), ("second", range(1011, 1021))):
        mine = f"scope: {{per: [offer], where: {{offer.active: true, offer.id: [{', '.join(map(str, numbers))}]}}}}"
        every = "scope: {per: [offer], where: {offer.active: true}}"
        network.rule(pause_rule(guards=ALL).replace("id: low-cr", f"id: {rule}").replace(every, mine), f"{rule}.yaml")
    sent = halting_after(network, *SWITCH, {"rule": "second"})
    network.work()
    network.pass_time(seconds=5)
    network.work()
    by_rule = {one.rule_id: set() for one in network.all(Effect)}
    for one in network.all(Effect):
        by_rule[one.rule_id].add(one.state)
    assert by_rule == {"first": {"applied"}, "second": {"planned"}}
    assert [len(body["data"]) for body, _ in sent] == [20, 10]


TELL = """
schema: 1
id: tell
mode: live
trigger: {webhook: {source: crm, dedupe: body.id}}
when: {all: [body.go = true]}
then: [{http: {method: POST, url: "ADDRESS/in", body: {id: "{{ body.id }}"}}}]
"""


def test_a_message_to_another_server_is_not_sent_twice(tmp_path, sqlite_url, now, monkeypatch):
    got, app, turn = [], Flask("receiver"), threading.Lock()

    @app.post("/in")
    def take():
        with turn:
            if not got:
                stop(network)
            got.append(request.json["id"])
        return "", 204

    with served(app) as address:
        yaml = YAML + f"http: {{allow: [{{url: '{address}'}}], allow_private: [127.0.0.0/8]}}\n"
        network = Network(tmp_path / "home", sqlite_url, now, monkeypatch, yaml=yaml)
        network.rule(TELL.replace("ADDRESS", address))
        for number in range(4):
            network.crm({"id": str(number), "go": True})
        network.work()
        assert (got, states(network)) == (["0"], ["applied", "planned", "planned", "planned"])
        end(network)
        network.pass_time(minutes=1)
        network.work()
        network.close()
    assert sorted(got) == ["0", "1", "2", "3"]
