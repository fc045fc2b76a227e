"""A fault of this program that one effect meets hurts that effect alone: the others are done, and it ends at last."""

from dataclasses import replace

from bridge.effects.handlers.job import (
    MAX_BROKEN_TRIES,
    Ambiguous,
    Applied,
    Failed,
    Job,
    RetryLater,
    broken,
    one_by_one,
)
from bridge.effects.perform import perform
from bridge.operations import decide
from bridge.operations.perform import effect_inputs
from bridge.store.lease import LeaseLost
from bridge.store.ledger import Effect

RULE = """
schema: 1
id: {name}
mode: live
trigger: {{webhook: {{source: crm}}}}
then:
  - {step}
"""


class CallLog:
    def __init__(self, *sent):
        self.sent = set(sent)

    def was_sent(self, job):
        return job.id in self.sent


def job(number=1, **more):
    return Job(id=number, verb="update", kind="offer", target_id=str(number), wanted={}, **more)


def test_the_jobs_beside_it_are_done():
    def work(one):
        return Applied(one) if one.id != 2 else {}["none"]

    first, second, third = one_by_one(CallLog(), [job(number) for number in (1, 2, 3)], work)
    assert (type(first), type(second), type(third)) == (Applied, RetryLater, Applied)
    assert second.error == "a fault of this program: KeyError: 'none'"


def test_what_may_have_been_sent_is_looked_for_and_not_sent_again():
    assert isinstance(broken(CallLog(1), job(), ValueError("x")), Ambiguous)
    assert isinstance(broken(CallLog(), job(ambiguous=True), ValueError("x")), Ambiguous)
    assert isinstance(broken(CallLog(), job(), ValueError("x")), RetryLater)


def test_after_some_tries_it_has_failed():
    assert isinstance(broken(CallLog(1), job(attempts=MAX_BROKEN_TRIES), ValueError("x")), Failed)


def test_a_lost_lease_leaves_its_effect_to_who_has_it_now():
    def work(one):
        if one.id == 1:
            raise LeaseLost("taken over")
        return Applied(one)

    assert [one.job.id for one in one_by_one(CallLog(), [job(1), job(2)], work)] == [2]


class WithoutUsers:
    """A client that lacks what a handler asks of it."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        return None if name == "users" else getattr(self._client, name)


def execute(network):
    """Decide and execute what is due, with clients that lack users."""
    while decide.process_events(network.services, network.now).events:
        pass
    inputs = replace(
        effect_inputs(network.services), client=lambda *names: WithoutUsers(network.services.client(*names))
    )
    while perform(inputs, network.now):
        pass


def test_in_the_service_other_effects_go_on_and_this_one_is_shown_as_failed(network):
    offer = network.world.offer("A", active=True)
    steps = {
        "a": "{update: user, which: u1, with: {first_name: Bob}}",
        "b": f'{{pause: offer, which: "{offer.number}"}}',
    }
    for name, step in steps.items():
        network.rule(RULE.format(name=name, step=step), f"{name}.yaml")
    network.work()
    network.crm({"id": "1"})
    execute(network)
    assert {one.verb: str(one.state) for one in network.all(Effect)} == {"update": "planned", "pause": "applied"}
    for _ in range(MAX_BROKEN_TRIES):
        network.pass_time(minutes=2)
        execute(network)
    broke = next(one for one in network.all(Effect) if one.verb == "update")
    assert (str(broke.state), "fault of this program: AttributeError" in broke.error) == ("failed", True)
