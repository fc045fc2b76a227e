"""Run the tests of a rule through the same evaluator as everything else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from rules.evaluation.evaluate import evaluate
from rules.loading import test_facts, test_plans
from rules.loading.test_facts import GivenFacts
from rules.model import local_time
from rules.model.errors import Problem
from rules.model.plan import PlannedEffect
from rules.model.revision import Group, Revision, Test
from rules.model.state import State
from rules.model.verbs import VERBS
from rules.model.verdicts import Answer, Verdict
from rules.planning.desired import desired_effects

__all__ = ["GivenFacts", "Result", "failures", "run_tests", "unknown_keys"]


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one test. `message` says what was expected and what came instead, or is empty."""

    test: Test
    passed: bool
    verdict: Verdict
    effects: tuple[str, ...]
    message: str


def run_tests(revision: Revision) -> tuple[Result, ...]:
    """Run every test of the rule.

    An exception under `unless` without any given name counts as no: a test names what matters to it.
    """
    return tuple(_run(revision, test) for test in revision.tests)


def failures(revision: Revision) -> Iterator[Problem]:
    """Yield a located error for each test that fails."""
    for result in run_tests(revision):
        if not result.passed:
            yield Problem(result.test.place, result.message)


def _run(revision: Revision, test: Test) -> Result:
    facts = test_plans.Items([GivenFacts(given, revision) for given in (test.given, *test.more)])
    asked = replace(revision, unless=_mentioned(revision, revision.unless, test))
    evaluation = evaluate(asked, facts, facts.now)
    verdict = evaluation.explain(0)
    effects: tuple[str, ...] = ()
    missing = ""
    if verdict.answer is Answer.YES:
        wanted, stops = desired_effects(asked, evaluation, [0], State())
        effects = tuple(_named(desired.effect) for desired in wanted)
        missing = "; ".join(stop.message for stop in stops)
    message = _difference(test, verdict, effects, missing)
    if message and verdict.answer is Answer.NO_DECISION:
        message += _nothing_yet(facts.items[0])
    if isinstance(test.expect, Mapping):
        found = test_plans.difference(asked, _asked(test))
        message = f"{_name(test)}: {found}" if found else ""
    return Result(test, not message, verdict, effects, message)


def _nothing_yet(facts: GivenFacts) -> str:
    """Return what to do about a time range that is empty at the test's `now`."""
    empty, data = facts.empty(), facts.revision.data
    if empty is None:
        return ""
    settle = " with `settle`" if data.settle else ""
    return f"; at {local_time.told(facts.now, data.tz)} no part of `{empty}`{settle} is over: give a later `now`"


def _named(effect: PlannedEffect) -> str:
    """Return an effect as a test names it: `pause offer 42`, `notify traffic`, `http`."""
    match VERBS[effect.verb].object:
        case "channel":
            return f"{effect.verb} {effect.wanted['channel']}"
        case "request":
            return effect.verb
    return f"{effect.verb} {effect.target}"


def _mentioned(revision: Revision, unless: Group | None, test: Test) -> Group | None:
    if unless is None or unless.kind != "any":
        return unless if unless is not None and test_facts.mentions(test.given, unless, revision) else None
    kept = tuple(
        item
        for item in unless.items
        if test_facts.mentions(
            test.given, item if isinstance(item, Group) else Group("all", (item,), item.place), revision
        )
    )
    return replace(unless, items=kept) if kept else None


def _asked(test: Test) -> test_plans.Asked:
    expect = test.expect if isinstance(test.expect, Mapping) else {}
    return test_plans.Asked((test.given, *test.more), test.state, expect)


def _name(test: Test) -> str:
    return f"the test '{test.name}'" if test.name else "the test"


def _difference(test: Test, verdict: Verdict, effects: tuple[str, ...], missing: str) -> str:
    name = _name(test)
    if verdict.answer.word != test.expect:
        return f"{name} expects {test.expect} but gets {verdict.answer.word}: {verdict.reason}"
    if test.effects is None or sorted(test.effects) == sorted(effects):
        return ""
    got = ", ".join(effects) or (f"none ({missing})" if missing else "none")
    return f"{name} expects the effects {', '.join(test.effects) or 'none'} but gets {got}"


def unknown_keys(revision: Revision) -> Iterator[Problem]:
    """Yield a located error for each `given` key that the rule does not use, and for values that exclude each other."""
    if not revision.tests:
        return
    keys = test_facts.Keys(revision)
    for test in revision.tests:
        for wrong in test_plans.problems(_asked(test)):
            yield Problem(test.place, wrong)
        for given in (test.given, *test.more):
            for wrong_key in filter(None, (keys.problem_with(key, given) for key in given)):
                yield Problem(test.place, wrong_key)
            for key, made in GivenFacts(given, revision).mismatches():
                yield Problem(test.place, f"'{key}' does not fit the other values of the test, which make it {made}")
