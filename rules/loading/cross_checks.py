"""Check rules together: conflicts and loops that no single rule shows.

Rules that pause what another activates on the same data, a `release.early` that undoes its own `when`, rules that
can never fire and rules that always do. Each finding comes with example values at which it happens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from rules.evaluation.inhibits import names
from rules.language.inhibits import shareable
from rules.loading import lint, satisfiable
from rules.loading.satisfiable import Clause
from rules.model import formatting, tree
from rules.model.errors import Problem
from rules.model.revision import Action, Mode, Revision, Webhook
from rules.model.spelling import did_you_mean
from rules.model.verbs import starts_traffic, stops_traffic


def check(revisions: Sequence[Revision]) -> tuple[Problem, ...]:
    """Return all findings about these rules, as warnings, in order of their places. Disabled rules are left out."""
    rules = [revision for revision in revisions if revision.mode is not Mode.DISABLED]
    found: list[Problem] = []
    for number, revision in enumerate(rules):
        found += _alone(revision)
        for other in rules[number + 1 :]:
            found += _conflict(revision, other)
    for revision in rules:
        found += _inhibitions(revision, rules)
    return tuple(sorted(found))


def _alone(revision: Revision) -> Iterator[Problem]:
    ways = satisfiable.of_rule(revision)
    if ways is not None and not any(satisfiable.living(ways)):
        yield _warning(revision, f"can never fire: {_contradiction(ways)}")
        return
    if any(not isinstance(item.tree, tree.Constant) for item in lint.conditions(revision.when)):
        against = satisfiable.clauses(revision.when, revision.data.window, turned=True)
        if against is not None and not any(satisfiable.living(against)):
            example = "" if not ways else _witness(ways[0])
            yield _warning(revision, f"always fires: whatever the data, `when` says yes{example}")
    yield from _self_release(revision, ways)


def _self_release(revision: Revision, ways: tuple[Clause, ...] | None) -> Iterator[Problem]:
    if revision.release.early is None:
        return
    early = satisfiable.with_need(satisfiable.clauses(revision.release.early, revision.data.window), revision)
    overlap = _overlap(ways, early, Clause())
    if overlap is not None:
        yield _warning(
            revision, f"pauses and releases on the same data: `when` and `early` both say yes{_witness(overlap)}"
        )


def _conflict(one: Revision, other: Revision) -> Iterator[Problem]:
    for taker, giver in ((one, other), (other, one)):
        kinds = _wanted(taker, active=False) & _wanted(giver, active=True)
        if not kinds or one.account != other.account or taker.scope.per != giver.scope.per:
            continue
        if not _same_events(one, other):
            continue
        # The state itself is not a scope: what one rule pauses is soon paused for the other one, too.
        state = frozenset(f"{kind}.active" for kind in kinds)
        shared = satisfiable.scope(taker, state).joined(satisfiable.scope(giver, state))
        overlap = _overlap(satisfiable.of_rule(taker), satisfiable.of_rule(giver), shared, without=state)
        if overlap is not None:
            kind = min(kinds)
            yield Problem(
                giver.place,
                f"{giver.id} activates what {taker.id} ({taker.place}) pauses: both say yes about one {kind}"
                f"{_witness(overlap)}",
                "warning",
            )


def _inhibitions(revision: Revision, rules: Sequence[Revision]) -> Iterator[Problem]:
    """Yield entries of `inhibits` that it cannot hold back, and two rules that hold each other back."""
    inhibits = revision.inhibits
    for pattern in inhibits.rules if inhibits else ():
        assert inhibits is not None
        one = replace(inhibits, rules=(pattern,))
        meant = [other for other in rules if other.id != revision.id and names(one, other.id)]
        if not meant:
            hint = did_you_mean(pattern, [other.id for other in rules if other.id != revision.id])
            yield _warning(revision, f"inhibits '{pattern}', and no other rule is called that{hint}")
        for other in meant:
            missing = next((each for each in one.per if each not in shareable(other.scope)), None)
            if other.account != revision.account:
                yield _warning(revision, f"cannot hold back {other.id}, which is about the account {other.account}")
            elif missing is not None:
                per = " x ".join(other.scope.per)
                yield _warning(revision, f"cannot hold back {other.id}, which is per {per} and shares no {missing}")
            elif other.inhibits is not None and names(other.inhibits, revision.id) and revision.id < other.id:
                yield _warning(revision, f"and {other.id} hold each other back: where both say yes, neither acts")


def _same_events(one: Revision, other: Revision) -> bool:
    """Return whether one event can concern both rules: a body of one source says nothing about another source."""
    if not isinstance(one.trigger, Webhook) or not isinstance(other.trigger, Webhook):
        return True
    if one.trigger.source != other.trigger.source:
        return False
    return one.trigger.event == other.trigger.event or None in {one.trigger.event, other.trigger.event}


def _wanted(revision: Revision, *, active: bool) -> frozenset[str]:
    return frozenset(step.target for step in revision.then if _wants(step, active=active))


def _wants(step: Action, *, active: bool) -> bool:
    return (starts_traffic if active else stops_traffic)(step.verb, step.values)


def _overlap(
    some: tuple[Clause, ...] | None,
    others: tuple[Clause, ...] | None,
    shared: Clause,
    *,
    without: frozenset[str] = frozenset(),
) -> Clause | None:
    for one in satisfiable.living(some):
        for other in satisfiable.living(others):
            both = one.joined(other).joined(shared)
            both = replace(both, bounds={name: b for name, b in both.bounds.items() if name not in without})
            if not both.empty:
                return both
    return None


def _witness(clause: Clause) -> str:
    values = [f"{_spoken(name)} = {_value(found)}" for name, found in sorted(clause.bounds.items())]
    also = [f"wherever {text}" for text in sorted(clause.opaque)]
    return f", for example at {', '.join([*values, *also])}" if values or also else ""


def _spoken(name: str) -> str:
    metric, _, window = name.rpartition("_")
    return f"{metric} over {window}" if metric and "." not in window and window[:1].isdecimal() else name


def _value(found: satisfiable.Bounds) -> str:
    example: Any = found.example()
    return formatting.held(example, found.unit if found.unit != "plain" else "count")


def _contradiction(ways: tuple[Clause, ...]) -> str:
    if not ways:
        return "`when` is always false"
    parts = []
    for clause in ways:
        name = next((name for name, found in sorted(clause.bounds.items()) if found.empty), "")
        parts.append(
            f"{_spoken(name)} {_range(clause.bounds[name])}" if name else "it asks for a thing and its opposite"
        )
    return "; ".join(dict.fromkeys(parts))


def _range(found: satisfiable.Bounds) -> str:
    if found.among is not None:
        return "has no value left that is allowed"
    low, high = (formatting.held(value, found.unit) for value in (found.low, found.high))
    above, below = "above" if found.low_open else "at least", "below" if found.high_open else "at most"
    return f"would have to be {above} {low} and {below} {high}"


def _warning(revision: Revision, message: str) -> Problem:
    return Problem(revision.place, f"{revision.id} {message}", "warning")
