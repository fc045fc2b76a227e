"""`ensure`, steps that refer to each other, and what accompanies a change."""

import pytest

from rules.model.facts import Subject
from rules.model.plan import Outcome
from rules.model.revision import Mode, Scope
from rules.planning.plan import targets, why_not
from tests.planning.builders import YES, hold, look, offer, paused, rule, state, step, text, verdicts, why

EVENT = Subject(("event",), ("01J",))
MAIL = "a@b.example"
PUBLISHER = step("ensure", "publisher", id="pub", key={"email": text("{{ mail }}")}, values={"name": text("Acme")})
USER = step(
    "ensure",
    "user",
    id="login",
    key={"email": text("{{ mail }}")},
    values={"role": "accountManager", "password": "generate", "publisher_id": text("{{ pub.id }}")},
)
REFERENCE = {"$ref": "pub.id"}


def arrives(*steps, known=(), **names):
    revision = rule(scope=Scope(), then=steps)
    return look(revision, {EVENT: YES}, *known, names={"mail": MAIL, "pub.id": REFERENCE, **names})


def test_an_ensured_publisher_is_named_by_its_natural_key():
    (effect,) = arrives(PUBLISHER).effects
    assert str(effect.target) == "publisher email=a@b.example"
    assert (effect.key, effect.wanted) == ({"email": MAIL}, {"email": MAIL, "name": "Acme"})


def test_a_step_that_refers_to_another_comes_after_it():
    publisher, login = arrives(PUBLISHER, USER).effects
    assert (publisher.after, login.after, login.wanted["publisher_id"]) == ((), ("pub",), REFERENCE)


def test_a_password_is_generated_when_it_is_needed_and_not_before():
    login = arrives(PUBLISHER, USER).effects[1]
    assert login.wanted["password"] == {"$generate": "password"}


def test_a_later_step_can_be_about_what_an_earlier_one_made():
    update = step("update", "publisher", id="u", which=text("{{ pub.id }}"), values={"country": "DE"})
    assert arrives(PUBLISHER, update).effects[1].target == arrives(PUBLISHER).effects[0].target


def test_a_reference_to_something_of_another_kind_names_nothing():
    update = step("update", "offer", id="u", which=text("{{ pub.id }}"), values={"country": "DE"})
    found = arrives(PUBLISHER, update)
    assert (found.effects, [stop.guard for stop in found.stops]) == ((), ["no_target"])


def test_a_missing_value_stops_the_whole_event_not_half_of_it():
    found = arrives(PUBLISHER, step("notify", "traffic", id="n", values={"text": text("{{ nobody }}")}))
    assert (found.effects, found.outcome) == ((), Outcome.STOPPED)
    assert "there is no such value" in why_not(found, EVENT)[0].message


def test_an_empty_key_finds_nobody():
    found = arrives(PUBLISHER, mail="")
    assert [stop.guard for stop in found.stops] == ["no_target"]


def test_which_may_name_several():
    found = arrives(step(which=text("{{ offers }}")), offers=["1", 2, "1", None])
    assert [effect.target.id for effect in found.effects] == ["1", "2"]


def test_which_that_names_nobody_says_so():
    found = arrives(step(which=text("{{ offers }}")), offers=[])
    assert "names no offer" in found.stops[0].message


def test_a_subject_without_the_target_says_what_to_write():
    assert "`which`" in arrives(step()).stops[0].message


def test_several_subjects_that_want_the_same_make_one_effect():
    pair = [Subject(("offer", "publisher"), ("1", one)) for one in ("a", "b", "c")]
    revision = rule(scope=Scope(per=("offer", "publisher")))
    (effect,) = look(revision, dict.fromkeys(pair, YES), offer("1")).effects
    assert effect.reason.endswith("(and for 2 more)")


def test_a_rule_that_wants_both_pauses():
    then = (step("activate", id="a"), step("pause", id="b"))
    found = look(rule(then=then), "1")
    assert ([effect.verb for effect in found.effects], why(found, "1")) == (["pause"], ["conflict"])


@pytest.mark.parametrize(("verb", "kind"), [("notify", "traffic"), ("call", "landing_pages.create"), ("http", "")])
def test_what_accompanies_a_change_is_left_out_when_nothing_changes(verb, kind):
    then = (step("pause"), step(verb, kind, id="2"))
    found = look(rule(then=then), "1", paused("1", hold("1")))
    assert (found.effects, found.outcome) == ((), Outcome.NOTHING)


def test_a_rule_that_only_tells_tells():
    (effect,) = look(rule(then=(step("notify", "traffic", values={"text": "look"}),)), "1").effects
    assert (effect.target.kind, effect.wanted) == ("channel", {"channel": "traffic", "text": "look"})


def test_a_conversion_is_rejected_by_its_own_id():
    (effect,) = arrives(step("reject", "conversion", which=text("{{ tx }}")), tx="tx-9").effects
    assert (str(effect.target), effect.wanted) == ("conversion tx-9", {"status": "rejected"})


def test_an_update_that_changes_nothing_is_left_out():
    then = (step("update", values={"payout": "1.50"}),)
    assert why(look(rule(then=then), "1", offer("1", values={"payout": 1.5})), "1") == ["already"]


def test_an_update_remembers_the_fields_it_changes_and_no_others():
    then = (step("update", values={"payout": "1.50"}),)
    (effect,) = look(rule(then=then), "1", offer("1", values={"payout": "2", "name": "x"})).effects
    assert effect.prior == {"payout": "2"}


def test_a_step_that_others_need_stays_although_it_is_already_so():
    known = arrives(PUBLISHER).effects[0].target
    there = offer("x", target=known, active=None, values={"email": MAIL, "name": "Acme"}, seen_at=None)
    assert len(arrives(PUBLISHER, USER, known=[there]).effects) == 2
    assert len(arrives(PUBLISHER, known=[there]).effects) == 0


def test_the_same_publisher_is_the_same_for_rules_of_two_integrations():
    one = look(rule(scope=Scope(), then=(PUBLISHER,), integration="a"), {EVENT: YES}, names={"mail": MAIL})
    other = look(rule(scope=Scope(), then=(PUBLISHER,), integration="b"), {EVENT: YES}, names={"mail": MAIL})
    assert one.effects[0].target == other.effects[0].target


def test_whoever_fills_the_state_can_ask_which_targets_matter():
    revision = rule(scope=Scope(), then=(PUBLISHER, USER), mode=Mode.SHADOW)
    asked = targets(revision, verdicts(revision, {EVENT: YES}, names={"mail": MAIL, "pub.id": REFERENCE}))
    assert sorted(map(str, asked)) == ["publisher email=a@b.example", "user email=a@b.example"]


def test_an_empty_state_is_a_valid_answer():
    assert state().of(offer("1").target).active is None
