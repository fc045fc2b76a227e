"""What holds for every rule, every answer and every state of the world."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rules.model.plan import Outcome, Plan, Target
from rules.model.revision import AtMost, For, Guards, HoldFor, KeepActive, Mode, Release, Revision
from rules.model.state import Probation, ScopeTotals, State, Streak, TargetState
from rules.model.verdicts import Answer
from rules.planning.conflicts import settle
from rules.planning.plan import plan, why_not
from rules.planning.undo import Applied, Terms, undo
from tests.planning.builders import HOUR, NOW, hold, offer, rule, state, step, subject, target, verdicts

IDS = tuple(str(number) for number in range(1, 7))
MONEY = st.one_of(st.none(), st.integers(0, 100).map(Decimal))
MOMENTS = st.integers(-72, 72).map(lambda hours: NOW + hours * HOUR)
PAST = st.integers(-72, -1).map(lambda hours: NOW + hours * HOUR)
SHARES = st.integers(0, 100).map(lambda percent: Decimal(percent) / 100)


@st.composite
def rules_of(draw: Any, name: str = "low-cr") -> Revision:
    verb = draw(st.sampled_from(["pause", "activate", "update"]))
    values = {"payout": draw(st.sampled_from(["1", "2"]))} if verb == "update" else {}
    kept = draw(
        st.lists(
            st.builds(KeepActive, st.just("offer"), st.integers(0, 4), st.sampled_from([None, "advertiser"])),
            max_size=2,
        )
    )
    return rule(
        id=name,
        mode=draw(st.sampled_from(Mode)),
        priority=draw(st.integers(0, 2)),
        lasting=draw(st.sampled_from([None, For(checks=2), For(duration=HOUR)])),
        release=Release(probation=draw(st.sampled_from([{}, {"clicks": Decimal(500)}]))),
        then=(step(verb, values=values, hold=HoldFor("duration", 12 * HOUR) if verb == "pause" else None),),
        guards=Guards(
            at_most=AtMost(
                targets=draw(st.one_of(st.none(), st.integers(0, 6))),
                share=draw(st.one_of(st.none(), SHARES)),
                revenue_24h=draw(st.one_of(st.none(), SHARES)),
            ),
            if_over=draw(st.sampled_from(["approve", "stop"])),
            cooldown=draw(st.sampled_from([timedelta(0), 6 * HOUR])),
            per_day=draw(st.one_of(st.none(), st.integers(0, 8))),
            keep_active=tuple(kept),
        ),
    )


@st.composite
def offers(draw: Any, identifier: str) -> TargetState:
    holders = draw(st.sets(st.sampled_from(["low-cr", "other"])))
    return offer(
        identifier,
        exists=draw(st.sampled_from([True, True, True, False])),
        active=draw(st.sampled_from([True, True, False, None])),
        values=draw(st.sampled_from([{}, {"payout": "1"}])),
        groups=draw(st.sampled_from([{"advertiser": "7"}, {"advertiser": "8"}, {}])),
        revenue_24h=draw(MONEY),
        seen_at=draw(st.one_of(st.none(), PAST)),
        holds=tuple(
            hold(
                identifier,
                by,
                since=draw(PAST),
                until=draw(st.one_of(st.none(), MOMENTS)),
                new_data=draw(st.booleans()),
            )
            for by in sorted(holders)
        ),
        muted_until=draw(st.sampled_from([{}, {"low-cr": NOW + HOUR}, {"*": NOW - HOUR}])),
        last_effect=draw(st.one_of(st.none(), PAST)),
        changed_by_person=draw(st.one_of(st.none(), PAST)),
        probation=draw(st.sampled_from([None, Probation(since=NOW - HOUR, seen={"clicks": Decimal(3)})])),
        pending=draw(st.sampled_from([{}, {"active": False}, {"payout": "2"}])),
    )


@st.composite
def worlds(draw: Any) -> State:
    known = [draw(offers(one)) for one in draw(st.sets(st.sampled_from(IDS)).map(sorted))]
    return state(
        *known,
        streaks=draw(
            st.dictionaries(
                st.sampled_from(IDS).map(subject),
                st.builds(Streak, evaluations=st.integers(1, 3), since=st.one_of(st.none(), PAST)),
            )
        ),
        effects_today=draw(st.integers(0, 8)),
        errors=draw(st.sampled_from([0, 0, 0, 5])),
        scope=ScopeTotals(subjects=draw(st.one_of(st.none(), st.integers(1, 50))), revenue_24h=draw(MONEY)),
        active={
            ("offer", "advertiser", "7"): draw(st.integers(0, 6)),
            ("offer", "advertiser", "8"): draw(st.integers(0, 6)),
            ("offer", None, None): draw(st.integers(0, 8)),
        },
        protected={"offer": draw(st.frozensets(st.sampled_from(IDS), max_size=2))},
        halt=draw(st.sampled_from([None, None, None, "maintenance"])),
        waiting=draw(st.frozensets(st.sampled_from(IDS).map(target), max_size=2)),
    )


ANSWERS = st.dictionaries(st.sampled_from(IDS), st.sampled_from(Answer), min_size=1)
EARLY = st.dictionaries(st.sampled_from(IDS), st.sampled_from(Answer))


def planned(revision: Revision, answers: Mapping[Any, Answer], early: Mapping[str, Answer], world: State) -> Plan:
    return plan(revision, verdicts(revision, answers, early=early), world, NOW)


@given(rules_of(), ANSWERS, EARLY, worlds())
def test_only_a_yes_becomes_an_effect(revision, answers, early, world):
    found = planned(revision, answers, early, world)
    said_yes = {subject(one) for one, answer in answers.items() if answer is Answer.YES}
    assert {effect.subject for effect in found.effects} <= said_yes
    assert {joined.subject for joined in found.joins} <= said_yes


@given(rules_of(), ANSWERS, EARLY, worlds())
def test_every_yes_that_became_no_effect_can_be_explained(revision, answers, early, world):
    found = planned(revision, answers, early, world)
    acted = {effect.subject for effect in found.effects} | {joined.subject for joined in found.joins}
    for one, answer in answers.items():
        if answer is Answer.YES and revision.mode is not Mode.DISABLED:
            assert subject(one) in acted or why_not(found, subject(one))


LIMITS = st.builds(
    AtMost,
    targets=st.one_of(st.none(), st.integers(0, 6)),
    share=st.one_of(st.none(), SHARES),
    revenue_24h=st.one_of(st.none(), SHARES),
)


@given(
    LIMITS,
    st.one_of(st.none(), st.integers(0, 12)),
    st.dictionaries(st.sampled_from(IDS), MONEY, min_size=1),
    st.frozensets(st.sampled_from(IDS).map(target), max_size=2),
    st.builds(ScopeTotals, subjects=st.integers(1, 40), revenue_24h=st.integers(0, 300).map(Decimal)),
)
def test_a_ready_plan_is_within_every_limit(limits, per_day, money, waiting, scope):
    revision = rule(guards=Guards(at_most=limits, per_day=per_day))
    known = (offer(one, revenue_24h=amount) for one, amount in money.items())
    world = state(*known, waiting=waiting, scope=scope, effects_today=6)
    found = planned(revision, dict.fromkeys(money, Answer.YES), {}, world)
    targets = {effect.target for effect in found.effects} | waiting
    sums = [world.of(one).revenue_24h for one in targets]
    within = (
        (limits.targets is None or len(targets) <= limits.targets)
        and (limits.share is None or Decimal(len(targets)) / scope.subjects <= limits.share)
        and (per_day is None or 6 + len(found.effects) <= per_day)
        and (limits.revenue_24h is None or None not in sums)
        and (limits.revenue_24h is None or sum(one or 0 for one in sums) <= limits.revenue_24h * scope.revenue_24h)
    )
    if found.effects:
        assert (found.outcome is Outcome.READY) == within


@given(rules_of(), ANSWERS, EARLY, worlds())
def test_every_group_keeps_what_it_must_keep(revision, answers, early, world):
    found = planned(revision, answers, early, world)
    pausing = [effect.target for effect in found.effects if effect.verb == "pause"]
    for keep in revision.guards.keep_active:
        taken: dict[str | None, int] = {}
        for one in pausing:
            group = world.of(one).groups.get("advertiser", "nobody knows") if keep.per else None
            taken[group] = taken.get(group, 0) + 1
        for group, count in taken.items():
            assert world.active.get(("offer", keep.per, group), 0) - count >= keep.count


@given(rules_of(), ANSWERS, EARLY, worlds())
def test_what_is_protected_halted_gone_or_muted_is_never_touched(revision, answers, early, world):
    found = planned(revision, answers, early, world)
    touched = {effect.target for effect in (*found.effects, *found.releases)}
    assert not {one.id for one in touched} & world.protected["offer"]
    assert not (touched and (world.halt or world.errors >= revision.guards.errors))
    assert all(world.of(one).exists for one in touched)
    for effect in found.effects:
        known = world.of(effect.target)
        assert known.changed_by_person is None or known.changed_by_person + revision.guards.respect_people <= NOW
        assert max((known.muted_until.get(name, NOW) for name in ("low-cr", "*")), default=NOW) <= NOW


@given(rules_of(), ANSWERS, EARLY, worlds())
def test_a_target_goes_back_only_if_we_paused_it_and_nobody_else_holds_it(revision, answers, early, world):
    for back in planned(revision, answers, early, world).releases:
        known = world.of(back.target)
        assert any(one.rule == "low-cr" for one in known.holds)
        assert all(one.rule == "low-cr" or (one.until is not None and one.until <= NOW) for one in known.holds)
        since = min(one.since for one in known.holds if one.rule == "low-cr")
        assert known.changed_by_person is None or known.changed_by_person <= since


@given(rules_of(), ANSWERS, EARLY, worlds())
def test_a_target_is_never_paused_and_returned_by_one_plan(revision, answers, early, world):
    found = planned(revision, answers, early, world)
    assert not {one.target for one in found.effects} & {one.target for one in found.releases}


@given(rules_of(), ANSWERS, EARLY, worlds(), st.randoms(use_true_random=False))
def test_the_same_world_gives_the_same_plan_in_whatever_order_it_is_told(revision, answers, early, world, random):
    shuffled = list(answers.items())
    random.shuffle(shuffled)
    one = planned(revision, answers, early, world)
    other = planned(revision, dict(shuffled), early, world)
    assert planned(revision, answers, early, world) == one
    assert (one.effects, one.outcome, one.releases) == (other.effects, other.outcome, other.releases)


@given(rules_of(), ANSWERS, EARLY, worlds())
def test_planning_again_after_the_effects_were_applied_wants_nothing(revision, answers, early, world):
    live = replace(revision, mode=Mode.LIVE, release=Release())
    found = planned(live, answers, early, world)
    if found.outcome is Outcome.READY:
        assert planned(live, answers, {}, after(world, found)).effects == ()


@given(rules_of(), ANSWERS, worlds(), st.sets(st.sampled_from(IDS)))
def test_undo_restores_every_target_that_nobody_touched(revision, answers, world, touched):
    calm = replace(world, targets={one: _calm(known) for one, known in world.targets.items()}, halt=None, errors=0)
    found = planned(replace(revision, mode=Mode.LIVE), answers, {}, calm)
    if found.outcome is not Outcome.READY:
        return
    applied = after(calm, found)
    changed = {one: _by_hand(known) if one.id in touched else known for one, known in applied.targets.items()}
    back = undo(
        [Applied(effect=effect, at=NOW) for effect in found.effects],
        replace(applied, targets=changed),
        NOW + HOUR,
        Terms(rule="low-cr"),
    )
    restored = after(replace(applied, targets=changed), back)
    for effect in found.effects:
        one = effect.target
        expected = changed[one] if one.id in touched else calm.of(one)
        if effect.prior is not None:
            assert restored.of(one).now_so() == expected.now_so()


def _calm(known: TargetState) -> TargetState:
    """An offer that only our rule may have a say about, and that the mirror knows."""
    return replace(known, holds=(), pending={}, active=known.active is not False, values={"payout": "5"}, seen_at=NOW)


def _by_hand(known: TargetState) -> TargetState:
    values = {**known.values, "payout": "9"}
    return replace(known, values=values, active=not known.active, changed_by_person=NOW + timedelta(minutes=1))


def after(world: State, found: Plan) -> State:
    """The world once the plan has been carried out and the mirror has seen it."""
    targets: dict[Target, TargetState] = dict(world.targets)
    for effect in (*found.effects, *found.releases):
        known = world.of(effect.target)
        values = {name: value for name, value in effect.wanted.items() if name != "active"}
        active = effect.wanted.get("active", known.active)
        ours = (hold(effect.target.id, since=NOW),) if effect.hold is not None else ()
        targets[effect.target] = replace(
            known, values={**known.values, **values}, active=active, holds=ours, pending={}, seen_at=NOW + HOUR
        )
    return replace(world, targets=targets)


@given(
    st.lists(st.tuples(rules_of(), ANSWERS), min_size=2, max_size=5), EARLY, worlds(), st.randoms(use_true_random=False)
)
def test_settling_is_done_once_and_in_any_order(asked, early, world, random):
    named = [(replace(revision, id=f"rule-{number}"), answers) for number, (revision, answers) in enumerate(asked)]
    known = {revision.id: (revision, world) for revision, _ in named}
    plans = [planned(revision, answers, early, world) for revision, answers in named]
    once = settle(plans, known)
    random.shuffle(plans)
    assert settle(once, known) == once
    assert {one.rule: one for one in settle(plans, known)} == {one.rule: one for one in once}


@given(st.lists(st.tuples(rules_of(), ANSWERS), min_size=2, max_size=5), worlds())
def test_after_settling_no_target_is_wanted_active_and_inactive(asked, world):
    named = [(replace(revision, id=f"rule-{number}"), answers) for number, (revision, answers) in enumerate(asked)]
    settled = settle([planned(revision, answers, {}, world) for revision, answers in named])
    real = [one for one in settled if one.outcome in {Outcome.READY, Outcome.WAITING}]
    wanted = [(effect.target, effect.wanted) for one in real for effect in (*one.effects, *one.releases)]
    paused = {one for one, values in wanted if values.get("active") is False}
    assert not paused & {one for one, values in wanted if values.get("active") is True}
