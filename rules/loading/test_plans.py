"""Run a rule's test up to the plan: the items that are acted on, and the guard, hold or limit that stops the others."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from rules.evaluation import columns
from rules.evaluation.evaluate import evaluate
from rules.language.fields import length
from rules.loading.test_facts import ITEM_KEYS, RULE_KEYS, GivenFacts
from rules.model import tree
from rules.model.facts import Column, Subject, all_missing
from rules.model.plan import Hold, Outcome, Plan
from rules.model.revision import Action, Dimension, Mode, Revision
from rules.model.spelling import did_you_mean, listed
from rules.model.state import Inhibition, ScopeTotals, State, Streak, TargetState, target_of
from rules.model.verbs import VERBS
from rules.model.verdicts import Evaluation
from rules.planning import holds, loss_limits
from rules.planning.guards import group_of
from rules.planning.plan import plan, targets

EXPECTED = (*VERBS, "released", "asked", "held_back", "message")
_DURATIONS = frozenset({"last_effect", "changed_by_person", "held", "since"})
_NUMBERS = frozenset({"errors", "effects_today", "scope", "scope_revenue_24h", "active_left", "revenue_24h", "checks"})


class Items:
    """Facts of several items, each as a test describes it. One item may have peers, on which no rule acts."""

    def __init__(self, items: Sequence[GivenFacts]) -> None:
        self.items = items
        self.now = items[0].now
        self.subjects = list(items[0].subjects) if len(items) == 1 else [item.subjects[0] for item in items]
        self.cohorts = None

    def measure(self, name: str, per: tuple[Dimension, ...], start: datetime, end: datetime) -> Column:
        return self._together(item.measure(name, per, start, end) for item in self.items)

    def attribute(self, name: str) -> Column:
        return self._together(item.attribute(name) for item in self.items)

    def listed(self, table: str, column: str | None) -> frozenset[str] | None:
        return self.items[0].listed(table, column)

    def counted(self, node: tree.Count) -> Column:
        return self._together(item.counted(node) for item in self.items)

    def as_of(self, name: str) -> datetime | None:
        return self.items[0].as_of(name)

    def settle(self) -> Column:
        return all_missing(len(self.subjects))

    def _together(self, found: Iterable[Column]) -> Column:
        every = list(found)
        if len(every) == 1:
            return every[0]
        values = np.array([one.values[0] for one in every], every[0].values.dtype)
        return Column(values, np.array([one.why[0] for one in every], np.uint8))


@dataclass(frozen=True, slots=True)
class Asked:
    """The content of a test: its items, the state of the rule and of each item, and its expectation."""

    items: Sequence[Mapping[str, Any]]
    state: Mapping[str, Any]
    expect: Mapping[str, Any]


def difference(revision: Revision, asked: Asked) -> str:
    """Return the difference between the result and the expectation, or nothing. The rule counts as live."""
    facts = Items([GivenFacts(item, revision) for item in asked.items])
    twins = [str(one) for one, times in Counter(facts.subjects[: len(asked.items)]).items() if times > 1]
    if twins:
        return f"{twins[0]} stands under `given` twice; give each item an id of its own"
    live = replace(revision, mode=Mode.LIVE)
    found = _of_items(evaluate(live, facts, facts.now), len(asked.items))
    made = plan(live, found, _state(live, found, asked, facts.now), facts.now)
    got = _outcome(made)
    wanted = {name: _ids(value) for name, value in asked.expect.items() if name not in {"held_back", "message"}}
    wrong = [
        f"{name} {_listed(got.get(name))}, not {_listed(wanted.get(name))}"
        for name in sorted(got.keys() | wanted.keys())
        if got.get(name) != wanted.get(name)
    ]
    wrong += _held_back(made, found, asked.expect.get("held_back", {}))
    message = asked.expect.get("message")
    said = [*(effect.reason for effect in made.effects), *(stop.message for stop in made.stops)]
    if message is not None and not any(str(message) in one for one in said):
        wrong.append(f"no message has {message!r}; there is: {'; '.join(said) or 'none'}")
    return "; ".join(wrong)


def problems(asked: Asked) -> Iterator[str]:
    """Yield the problems with the words of such a test."""
    for key in asked.expect:
        if key not in EXPECTED:
            yield f"unknown key '{key}' in `expect`{did_you_mean(key, EXPECTED)}"
    for state in (asked.state, *(item.get("state", {}) for item in asked.items)):
        for key, value in state.items() if isinstance(state, Mapping) else ():
            if key not in {*RULE_KEYS, *ITEM_KEYS}:
                yield f"unknown key '{key}' in `state`{did_you_mean(key, [*RULE_KEYS, *ITEM_KEYS])}"
            elif key in _DURATIONS and length(value) is None:
                yield f"`{key}` in `state` is a duration back from now, such as 2h"
            elif key == "budgets" and not _are_numbers(value):
                yield "`budgets` in `state` says what each has used, such as {pauses: 29}"
            elif key in _NUMBERS and (isinstance(value, bool) or not isinstance(value, int | Decimal)):
                yield f"`{key}` in `state` is a number"


def _are_numbers(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(one, int) and not isinstance(one, bool) for one in value.values()
    )


def _of_items(found: Evaluation, count: int) -> Evaluation:
    """Return the evaluation without the peers, on which nothing acts."""
    answers = found.answers.copy()
    answers[count:] = columns.NO
    over = found.over_loss_limit
    late = None if over is None else over & (np.arange(len(answers)) < count)
    return replace(found, answers=answers, over_loss_limit=late)


def _listed(ids: set[str] | None) -> str:
    return ", ".join(sorted(ids)) if ids else "nothing"


def _ids(value: Any) -> set[str]:
    return {str(one) for one in (value if isinstance(value, list) else [value])}


def _outcome(made: Plan) -> dict[str, set[str]]:
    done: dict[str, set[str]] = {}
    for effect in made.effects if made.outcome is Outcome.READY else ():
        name = effect.target.id if VERBS[effect.verb].identity == "entity" else str(effect.subject.ids[0])
        done.setdefault(effect.verb, set()).add(name)
    if loss_limits.is_asking(made):
        done["asked"] = {str(effect.subject.ids[0]) for effect in made.effects}
    if made.releases:
        done["released"] = {effect.target.id for effect in made.releases}
    return done


def _held_back(made: Plan, found: Evaluation, wanted: Mapping[str, Any]) -> Iterator[str]:
    for item, guard in wanted.items():
        subject = next((one for one in found.subjects if one.ids[0] == str(item)), None)
        reasons = sorted({stop.guard for stop in made.stops if stop.subject in {None, subject}})
        if not any(reason == guard or reason.startswith(f"{guard}.") for reason in reasons):
            yield f"{item} is held back by {listed(reasons)}, not by {guard}"


# --- the state that a test describes ---------------------------------------------------------------


def _state(revision: Revision, found: Evaluation, asked: Asked, now: datetime) -> State:
    rule = asked.state
    each = {
        subject: {**{key: value for key, value in rule.items() if key in ITEM_KEYS}, **item.get("state", {})}
        for subject, item in zip(found.subjects, asked.items, strict=False)
    }
    step = _pausing(revision)
    about_targets = {target: _about(each, target.id) for target in targets(revision, found)}
    for subject, about in each.items():
        identifier = subject.get(step.target) if step is not None and "held" in about else None
        if step is not None and identifier is not None:
            place = {"account": revision.account, "integration": revision.integration}
            about_targets[target_of(step.target, identifier, **place)] = about
    known = {
        target: _target(revision, TargetState(target=target), _subject(each, target.id), about, now)
        for target, about in about_targets.items()
    }
    left = rule.get("active_left")
    state = State(
        targets=known,
        streaks={subject: _streak(about, now) for subject, about in each.items() if {"checks", "since"} & about.keys()},
        effects_today=int(rule.get("effects_today", 0)),
        budgets={name: int(used) for name, used in rule.get("budgets", {}).items()},
        errors=int(rule.get("errors", 0)),
        halt=rule.get("halted"),
        scope=ScopeTotals(
            subjects=None if "scope" not in rule else int(rule["scope"]), revenue_24h=_money(rule, "scope_revenue_24h")
        ),
        waiting=frozenset(target for target, about in about_targets.items() if about.get("waiting")),
        inhibited={
            subject: Inhibition(rule=str(about["inhibited_by"]))
            for subject, about in each.items()
            if "inhibited_by" in about
        },
    )
    if left is None:
        return state
    groups = {group_of(keep, one, state): int(left) for keep in revision.guards.keep_active for one in known}
    return replace(state, active=groups)


def _subject(each: Iterable[Subject], identifier: str) -> Subject | None:
    return next((subject for subject in each if identifier in subject.ids), None)


def _about(each: Mapping[Subject, Mapping[str, Any]], identifier: str) -> Mapping[str, Any]:
    found = _subject(each, identifier)
    return {} if found is None else each[found]


def _pausing(revision: Revision) -> Action | None:
    return next((step for step in revision.then if VERBS[step.verb].holds), None)


def _target(
    revision: Revision, known: TargetState, subject: Subject | None, about: Mapping[str, Any], now: datetime
) -> TargetState:
    hold = None if subject is None else _hold(revision, known, subject, about, now)
    return replace(
        known,
        active=about.get("active", None if hold is None else False),
        seen_at=now,
        revenue_24h=_money(about, "revenue_24h"),
        last_effect=_ago(about, "last_effect", now),
        changed_by_person=_ago(about, "changed_by_person", now),
        holds=() if hold is None else (hold,),
    )


def _hold(
    revision: Revision, known: TargetState, subject: Subject, about: Mapping[str, Any], now: datetime
) -> Hold | None:
    since, step = _ago(about, "held", now), _pausing(revision)
    if since is None:
        return None
    length_of = None if step is None else step.hold
    until = None if length_of is None else holds.until(length_of, 1, since, revision.data.tz)
    owner = str(about.get("held_by", revision.id))
    return Hold(rule=owner, target=known.target, subject=subject, since=since, until=until)


def _streak(about: Mapping[str, Any], now: datetime) -> Streak:
    return Streak(evaluations=int(about.get("checks", 0)), since=_ago(about, "since", now), new_data=True)


def _ago(about: Mapping[str, Any], key: str, now: datetime) -> datetime | None:
    return now - (length(about[key]) or timedelta(0)) if key in about else None


def _money(about: Mapping[str, Any], key: str) -> Decimal | None:
    return Decimal(about[key]) if key in about else None
