"""A rule's own tests can say what the plan holds: who is acted on, and which guard keeps the others back."""

import pytest

from rules.loading.load import load

RULE = """schema: 1
id: a
trigger: {{every: 1h}}
scope: {{per: [offer]}}
data: {{need: {{clicks: 100}}, tz: Europe/Berlin}}
when: {{all: [conversions = 0]{lasting}}}
then: [{{pause: offer, hold: 12h}}]
guards: {guards}
tests:
  - {test}
"""
QUIET = '{quiet: {from: "22:00", to: "6:00"}}'
BAD = "clicks: 900, conversions: 0"
THREE = f"[{{offer: 1, {BAD}}}, {{offer: 2, {BAD}}}, {{offer: 3, clicks: 900, conversions: 9}}]"


def errors(environment, test, guards="{}", lasting=""):
    text = RULE.format(test=test, guards=guards, lasting=lasting)
    return [problem.message for problem in load(text, name="x.yaml", environment=environment).errors]


@pytest.mark.parametrize(
    ("guards", "state", "given", "expect"),
    [
        ("{}", "{}", THREE, "{pause: [1, 2]}"),
        ("{at_most: {targets: 1}}", "{}", THREE, "{held_back: {1: at_most, 2: at_most}}"),
        (
            "{cooldown: 6h}",
            "{}",
            f"[{{offer: 1, {BAD}, state: {{last_effect: 2h}}}}, {{offer: 2, {BAD}}}]",
            "{pause: [2], held_back: {1: cooldown}}",
        ),
        ("{per_day: 30}", "{effects_today: 29}", THREE, "{held_back: {1: per_day}}"),
        ("{}", "{halted: maintenance}", THREE, "{held_back: {1: halt}, message: maintenance}"),
        (
            QUIET,
            "{}",
            f'{{offer: 1, now: "2026-01-14T23:00:00", {BAD}}}',
            "{held_back: {1: quiet}}",
        ),
        (
            QUIET,
            "{}",
            f'{{offer: 1, now: "2026-01-14T12:00:00", {BAD}}}',
            "{pause: 1}",
        ),
        ("{}", "{held: 2h}", f"{{offer: 1, {BAD}}}", "{held_back: {1: held}}"),
        ("{}", "{held: 13h}", "{offer: 1, clicks: 900, conversions: 4}", "{released: [1]}"),
        ("{respect_people: 24h}", "{changed_by_person: 3h}", f"{{offer: 1, {BAD}}}", "{held_back: {1: muted}}"),
        ("{keep_active: {offers: 1}}", "{active_left: 1}", f"{{offer: 1, {BAD}}}", "{held_back: {1: keep_active}}"),
        ("{errors: 3}", "{errors: 3}", f"{{offer: 1, {BAD}}}", "{held_back: {1: breaker}}"),
    ],
)
def test_guards_holds_and_hours_can_be_tested(environment, guards, state, given, expect):
    assert errors(environment, f"{{given: {given}, state: {state}, expect: {expect}}}", guards) == []


@pytest.mark.parametrize(("checks", "expect"), [(0, "{held_back: {1: for}}"), (1, "{pause: [1]}")])
def test_how_often_it_must_be_yes_can_be_tested(environment, checks, expect):
    test = f"{{given: {{offer: 1, {BAD}}}, state: {{checks: {checks}}}, expect: {expect}}}"
    assert errors(environment, test, lasting=", for: 2 checks") == []


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (f"{{given: {THREE}, expect: {{pause: [1]}}}}", "pause 1, 2, not 1"),
        (f"{{given: {THREE}, expect: {{pause: [1, 2], held_back: {{2: cooldown}}}}}}", "2 is held back by nothing"),
        (f"{{given: {THREE}, expect: {{pause: [1, 2], message: revenue}}}}", "no message has 'revenue'"),
        (f"{{given: [{{offer: 1, {BAD}}}, {{offer: 1, {BAD}}}], expect: {{pause: [1]}}}}", "`given` twice"),
        (f"{{given: {THREE}, expect: {{paused: [1]}}}}", "unknown key 'paused' in `expect`; did you mean 'pause'?"),
        (f"{{given: {THREE}, state: {{last_efect: 1h}}, expect: yes}}", "did you mean 'last_effect'?"),
        (f"{{given: {THREE}, state: {{last_effect: 1}}, expect: yes}}", "is a duration back from now"),
    ],
)
def test_what_is_not_so_is_said(environment, test, said):
    assert said in "".join(errors(environment, test))
