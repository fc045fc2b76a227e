"""Undo of any set of runs while an account gets another name in between: as if it had always had that name."""

import random
from datetime import timedelta
from itertools import permutations

import pytest
from rule_texts import pause_rule
from sqlalchemy import select
from used_network import signed_in

from bridge.config import settings
from bridge.config.library import Library
from bridge.operations.renames import rename
from bridge.operations.stale_names import configured_names
from bridge.operations.undo import undo, undo_runs
from bridge.store.holds import Hold
from bridge.store.ledger import Effect, StoredPlan

RULE = pause_rule(hold="1h", guards="{at_most: {targets: 50, share: 90%}, cooldown: 1m}")


@pytest.fixture
def lived(network):
    """Two offers were paused, came back in time, and were paused again."""
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    bad = [network.world.offer(f"Bad {number}", clicks=1000, conversions=1, active=True) for number in (1, 2)]
    network.rule(RULE)
    network.work()
    homes = list(network.world.directory.publishers.living())
    for _ in range(2):
        network.pass_time(minutes=61)
        for one in bad:
            network.world.traffic(one, homes, 1000, 0, start=network.now - timedelta(minutes=30), end=network.now)
        network.work()
    return network


def rename_account(network, old, new):
    """In bridge.yaml and in the rule; then `accounts rename`."""
    path = network.home / "bridge.yaml"
    path.write_text(path.read_text().replace(f"  {old}:", f"  {new}:"))
    network.services.settings = settings.load(network.home)
    network.services.library = Library(network.services.settings)
    network.rule(RULE.replace("mode: live", f"mode: live\naccount: {new}"))
    with network.services.store.write() as session:
        names = configured_names(network.services.settings, network.services.library.current(session))
        rename(session, "account", old, new, names=names, who="ann", now=network.now)


def runs_that_did_something(network):
    with network.services.store.read() as session:
        query = select(StoredPlan.run_id).join(Effect, Effect.plan_id == StoredPlan.id).where(Effect.state == "applied")
        return sorted(set(session.scalars(query.where(StoredPlan.undoes.is_(None)))))


def held(network):
    return sorted(hold.target_id for hold in network.all(Hold) if hold.state == "active")


def expected(network, runs, undone):
    """Pause, return, pause: what stands of the history decides."""
    standing = [run for run in runs if run not in undone]
    pauses = {effect.plan_id for effect in network.all(Effect) if effect.verb == "pause"}
    paused_by = {plan.run_id for plan in network.all(StoredPlan) if plan.id in pauses}
    return ["Bad 1", "Bad 2"] if standing and standing[-1] in paused_by else []


def settle(network):
    network.pass_time(seconds=5)
    network.work()


@pytest.mark.parametrize("seed", range(8))
def test_any_set_of_runs_is_undone_as_if_the_account_had_always_had_its_name(lived, seed):
    dice = random.Random(seed)
    runs = runs_that_did_something(lived)
    assert len(runs) >= 2
    chosen = list(dice.choice([one for size in range(1, len(runs) + 1) for one in permutations(runs, size)]))
    wanted = expected(lived, runs, chosen)
    at = dice.randrange(len(chosen) + 1)
    for place, run_id in enumerate(chosen):
        if place == at:
            rename_account(lived, "main", "europe")
        undo(lived.services, run_id, who="ann", now=lived.now)
        if dice.random() < 0.5:
            settle(lived)
    if at == len(chosen):
        rename_account(lived, "main", "europe")
    settle(lived)
    assert lived.paused == wanted
    assert (len(held(lived)) > 0) == bool(wanted)


def test_several_at_once_after_two_names_and_back(lived):
    runs = runs_that_did_something(lived)
    for old, new in (("main", "europe"), ("europe", "emea"), ("emea", "main")):
        rename_account(lived, old, new)
    found = undo_runs(lived.services, runs, who="ann", now=lived.now)
    assert [one.problem for one in found] == [None] * len(runs)
    settle(lived)
    assert (lived.paused, held(lived)) == ([], [])


def test_in_the_console_too(lived):
    runs = runs_that_did_something(lived)
    rename_account(lived, "main", "europe")
    visitor = signed_in(lived)
    asked = visitor.press("/activity", "/runs/undo", run=[str(one) for one in runs])
    assert "2 changes" in asked
    said = visitor.press("/activity", "/runs/undo", run=[str(one) for one in runs], sure="2")
    assert "undoes it" in said
    settle(lived)
    assert (lived.paused, held(lived)) == ([], [])
