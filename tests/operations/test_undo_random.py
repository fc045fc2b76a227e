"""Random pauses by two rules, undone in random sets and orders while their time ends: nothing stays, nothing twice."""

import os
import random
from contextlib import suppress

import pytest

from bridge.operations.errors import OperationError
from bridge.operations.undo import undo
from bridge.store.holds import Hold
from bridge.store.runs import Run

RULE = """
schema: 1
id: {name}
mode: live
trigger: {{webhook: {{source: crm, event: {name}, dedupe: body.id}}}}
when: {{all: [body.type = "{name}"]}}
then: [{{pause: offer, which: "{{{{ body.offer }}}}", hold: {hold}}}]
guards: {{at_most: {{targets: 50, share: 100%}}, cooldown: 1m}}
"""
SEEDS = range(3, 3 + int(os.environ.get("UNDO_SEEDS", "1")))  # in the third a pause meets the end of another one


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_undone_while_its_time_ends_comes_back_once(on_either_database, seed):
    network, dice = on_either_database, random.Random(seed)
    offers = [network.world.offer(f"Offer {number}", active=True) for number in range(4)]
    for name, hold in (("short", "30m"), ("long", "1h")):
        network.rule(RULE.format(name=name, hold=hold), f"{name}.yaml")
    network.work()
    for number in range(dice.randint(4, 9)):
        offer, kind = dice.choice(offers), dice.choice(("short", "long"))
        network.crm({"id": f"{number}", "type": kind, "offer": str(offer.number)})
        network.pass_time(minutes=dice.choice((0, 5, 30)))
        network.work()
    runs = [one.id for one in network.all(Run) if one.event_id is not None]
    dice.shuffle(runs)
    for run in runs[: dice.randint(1, len(runs))]:
        ends = sorted(one.until for one in network.all(Hold) if one.state == "active" and one.until > network.now)
        if ends and dice.random() < 0.5:
            network.now = ends[0]  # the hold ends at this very moment, and the tick has not come yet
        with suppress(OperationError):  # it changed nothing, or what it changed is over
            undo(network.services, run, who="ann", now=network.now)
        if dice.random() < 0.7:
            network.work()
    for _ in range(6):
        network.pass_time(minutes=30, seconds=1)
        network.work()
    assert network.paused == []
    assert [one.id for one in network.all(Hold) if one.state == "active"] == []
    told = [row for row in network.world.directory.writes.journal if row.by != "person" and not row.changed]
    assert [row for row in told if row.fields["active"]] == []
