"""Undo of any set of runs, in any order, restores the state before them for every offer that nobody touched."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_texts import pause_rule
from sqlalchemy import select

from bridge.operations.undo import undo
from bridge.store.holds import Hold
from bridge.store.ledger import Effect, StoredPlan
from bridge.store.runs import Run
from rules.model.facts import Subject
from rules.model.plan import PlannedEffect
from rules.model.state import State, TargetState, target_of
from rules.planning.undo import Applied, Past, Terms
from rules.planning.undo import undo as make_undo

RULE = pause_rule(hold="1h", guards="{at_most: {targets: 50, share: 90%}, cooldown: 1m}")
START = datetime(2026, 11, 1, tzinfo=UTC)
OFFER = target_of("offer", "7")


class Ledger:
    """A model of one offer and everything that runs and undos did to it."""

    def __init__(self, history):
        self.active, self.clock, self.done = True, 0, []
        self.runs = [number for number, wanted in enumerate(history) if self._apply(number, wanted, undoes=None)]

    def _apply(self, run, wanted, undoes):
        if wanted == self.active:
            return False
        self.clock += 1
        effect = PlannedEffect(
            step="s",
            verb="activate" if wanted else "pause",
            target=OFFER,
            subject=Subject(("offer",), ("7",)),
            wanted={"active": wanted},
            prior={"active": self.active},
        )
        self.done.append((run, Applied(effect=effect, at=START + timedelta(minutes=self.clock)), undoes))
        self.active = wanted
        return True

    def undo(self, run, undone):
        undone.add(run)
        past = [Past(applied=one, undone=by in undone, is_undo=of is not None) for by, one, of in self.done]
        now = START + timedelta(minutes=self.clock + 1)
        known = TargetState(target=OFFER, active=self.active, seen_at=now)
        applied = [one for by, one, of in self.done if by == run and of is None]
        terms = Terms(rule="r", history={OFFER: past})
        for effect in make_undo(applied, State(targets={OFFER: known}), now, terms).effects:
            self._apply(f"undo {run}", effect.wanted["active"], undoes=run)

    def without(self, undone):
        standing = [one for by, one, of in self.done if of is None and by not in undone]
        return standing[-1].effect.wanted["active"] if standing else True


@settings(max_examples=300)
@given(st.lists(st.booleans(), min_size=1, max_size=8), st.randoms(use_true_random=False), st.data())
def test_the_result_depends_on_what_is_undone_and_not_on_the_order(history, dice, data):
    ledger = Ledger(history)
    chosen = data.draw(st.lists(st.sampled_from(ledger.runs), unique=True)) if ledger.runs else []
    dice.shuffle(chosen)
    undone = set()
    for run in chosen:
        ledger.undo(run, undone)
    assert ledger.active == ledger.without(set(chosen))


@pytest.fixture
def lived(network):
    """An offer was paused, came back in time, and was paused again: runs that each did something."""
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    bad = network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.rule(RULE)
    network.work()
    homes = list(network.world.directory.publishers.living())
    for _ in range(2):
        network.pass_time(minutes=61)
        network.world.traffic(bad, homes, 1000, 0, start=network.now - timedelta(minutes=30), end=network.now)
        network.work()
    return network


@pytest.mark.parametrize("order", [0, 5])
def test_undo_of_everything_leaves_the_offer_active_and_no_hold(lived, order):
    ids = {run.id for run in lived.all(Run) if run.cause == "slot"}
    did = sorted(ids & _runs_with_effects(lived))
    orders = list(permutations(did))
    assert len(did) >= 2
    for run_id in orders[order % len(orders)]:
        undo(lived.services, run_id, who="ann", now=lived.now)
        lived.pass_time(seconds=5)
        lived.work()
    assert lived.paused == []
    assert [hold.id for hold in lived.all(Hold) if hold.state == "active"] == []
    assert "ann" in {hold.ended_by for hold in lived.all(Hold)}


def _runs_with_effects(network):
    with network.services.store.read() as session:
        query = select(StoredPlan.run_id).join(Effect, Effect.plan_id == StoredPlan.id).where(Effect.state == "applied")
        return set(session.scalars(query.where(StoredPlan.undoes.is_(None))))
