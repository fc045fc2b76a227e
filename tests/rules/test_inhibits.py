"""One rule holds back others while it says yes about what they share."""

from dataclasses import replace

import numpy as np
import pytest
from examples import times
from hypothesis import given
from hypothesis import strategies as st

from rules.evaluation.evaluate import evaluate
from rules.evaluation.inhibits import inhibited, inhibitors, unanswered
from rules.language.canonical import document_of
from rules.language.render import to_yaml
from rules.loading.cross_checks import check
from rules.loading.load import Environment, load
from rules.model.facts import Subject
from rules.model.plan import Outcome
from rules.model.revision import Inhibits, Mode
from rules.model.state import Inhibition, State, TargetState, target_of
from rules.planning.plan import plan
from tests.rules.conftest import NOW, Offers

RULE = """schema: 1
id: {name}
mode: live
trigger: {trigger}
scope: {{per: [{per}]}}
data: {{need: {{}}}}
when: {when}
{more}
"""
PAUSE = "then: [{pause: offer, hold: 12h}]"


@pytest.fixture
def made(environment):
    """A rule, or the first thing that is wrong with it."""

    def make(name="offer-cr-low", per="offer", when="[clicks > 100]", more=PAUSE, trigger="{every: 15m}"):
        text = RULE.format(name=name, per=per, when=when, more=more, trigger=trigger)
        loaded = load(text, name="x.yaml", environment=environment)
        return loaded.revisions[0] if loaded.revisions else loaded.errors[0].message

    return make


def read(name, per, more):
    text = RULE.format(name=name, per=per, when="[clicks > 100]", more=more, trigger="{every: 15m}")
    return load(text, name="x.yaml", environment=Environment()).revisions[0]


def alarm(made, inhibits="[offer-cr-*]", per="advertiser", when="[clicks > 100]"):
    return made("alarm", per=per, when=when, more=f"inhibits: {inhibits}")


@pytest.mark.parametrize(
    ("written", "rules", "per"),
    [
        ("[offer-cr-*]", ("offer-cr-*",), ("advertiser",)),
        ("offer-cr-low", ("offer-cr-low",), ("advertiser",)),
        ("{rules: ['*'], per: all}", ("*",), ()),
        ("{rules: [a, b-*], per: [advertiser]}", ("a", "b-*"), ("advertiser",)),
    ],
)
def test_what_is_written_is_what_is_meant_and_is_printed_the_same(made, environment, written, rules, per):
    found = alarm(made, written)
    assert found.inhibits == Inhibits(rules, per)
    again = load(to_yaml(found), name="x.yaml", environment=environment).revisions[0]
    assert again.hash == found.hash
    assert again.inhibits == found.inhibits
    assert document_of(again) == document_of(found)


def test_a_rule_of_offers_can_share_the_advertiser(made):
    found = alarm(made, "{rules: [offer-cr-*], per: advertiser}", per="offer")
    assert found.inhibits.per == ("advertiser",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("inhibits: [offer cr]", "'offer cr' is not an id of a rule"),
        ("inhibits: []", "names no rule"),
        ("inhibits: {per: all}", "rules"),
        ("inhibits: {rules: [a], per: [all, offer]}", "`all` alone"),
        ("inhibits: {rules: [a], per: publisher}", "the rule's items have no publisher; they share offer, advertiser"),
        ("inhibits: {rules: [a], par: all}", "did you mean 'per'"),
        ("inhibit: [a]", "did you mean 'inhibits'"),
    ],
)
def test_what_cannot_be_meant_is_refused(made, text, words):
    assert words in made("alarm", more=f"{text}\n{PAUSE}")


def test_a_rule_that_lasts_has_no_answer_at_one_moment(made):
    assert "knows no `for`" in made("alarm", when="{all: [clicks > 1], for: 2 checks}", more="inhibits: [a]")


def test_an_event_leaves_no_answer_behind(environment):
    text = "schema: 1\nid: alarm\ntrigger: {webhook: {source: crm}}\ninhibits: {rules: [a], per: all}\n"
    refused = load(text, name="x.yaml", environment=environment)
    assert "a rule that an event asks has no answer that lasts" in refused.errors[0].message


def test_a_rule_about_no_item_must_say_that_it_means_everything(environment):
    text = "schema: 1\nid: quiet\nmode: live\ntrigger: {silence: {source: postback, for: 1h}}\ninhibits: INHIBITS\n"
    refused = load(text.replace("INHIBITS", "[a]"), name="x.yaml", environment=environment)
    assert "say that it holds back everything" in refused.errors[0].message
    taken = load(text.replace("INHIBITS", "{rules: [a], per: all}"), name="x.yaml", environment=environment)
    assert taken.revisions[0].inhibits == Inhibits(("a",), ())


def test_a_rule_that_only_holds_back_needs_no_step(made):
    assert alarm(made).then == ()


def test_shadow_rules_foreign_accounts_and_the_rule_itself_hold_nobody_back(made):
    low, one = made(), alarm(made)
    assert inhibitors(low, [one]) == (one,)
    for other in (
        replace(one, mode=Mode.SHADOW),
        replace(one, mode=Mode.DISABLED),
        replace(one, account="second"),
        replace(one, id=low.id),
        replace(one, inhibits=Inhibits(("offer-cr",), ())),
    ):
        assert inhibitors(low, [other]) == ()


def facts_of(offers, now, per, rows):
    found = offers(per=per, now=now)
    for ids, clicks, advertiser in rows:
        found.add(*ids, clicks=clicks, fields={"advertiser.id": advertiser})
    return found


def test_only_what_shares_the_advertiser_is_held_back(made, offers, now):
    low, one = made(), alarm(made, when="[clicks > 500]")
    ours = facts_of(
        offers, now, ("offer",), [(("1",), 200, "7"), (("2",), 200, "8"), (("3",), 1, "7"), (("4",), 200, None)]
    )
    theirs = facts_of(offers, now, ("advertiser",), [(("7",), 900, "7"), (("8",), 100, "8")])
    found = inhibited(evaluate(low, ours, now), ours, evaluate(one, theirs, now), theirs)
    assert list(found) == [Subject(("offer",), ("1",))]
    [why] = found.values()
    assert (why.rule, why.about) == ("alarm", "advertiser=7")
    assert "900" in why.reason


def test_one_that_shares_nothing_is_held_back_by_all(made, offers, now):
    low, one = made(), alarm(made, "{rules: ['*'], per: all}")
    ours = facts_of(offers, now, ("offer",), [(("1",), 200, None)])
    theirs = facts_of(offers, now, ("advertiser",), [(("7",), 900, None)])
    found = inhibited(evaluate(low, ours, now), ours, evaluate(one, theirs, now), theirs)
    assert {why.about for why in found.values()} == {""}


def test_what_is_not_decided_in_time_is_held_back_too(made, offers, now):
    low, one = made(), alarm(made)
    ours = facts_of(offers, now, ("offer",), [(("1",), 1, "7"), (("2",), 1, "7")])
    theirs = facts_of(offers, now, ("advertiser",), [(("7",), 900, "7")])
    found = replace(evaluate(low, ours, now), over_loss_limit=np.array([True, False]))
    assert [str(each) for each in inhibited(found, ours, evaluate(one, theirs, now), theirs)] == ["offer=1"]


def test_what_cannot_be_asked_holds_back_whatever_it_could(made, offers, now):
    ours = facts_of(offers, now, ("offer",), [(("1",), 200, "7"), (("2",), 1, "7")])
    found = unanswered(evaluate(made(), ours, now), alarm(made), "KeyError: x")
    assert [str(subject) for subject in found] == ["offer=1"]


def test_the_plan_leaves_out_who_is_held_back_and_says_by_whom(made, offers, now):
    low = made()
    ours = facts_of(offers, now, ("offer",), [(("1",), 200, "7"), (("2",), 200, "8")])
    held = {Subject(("offer",), ("1",)): Inhibition(rule="alarm", about="advertiser=7", reason="clicks 900")}
    found = plan(low, evaluate(low, ours, now), State(inhibited=held), now)
    assert [effect.target.id for effect in found.effects] == ["2"]
    [stop] = found.stops
    assert (stop.guard, stop.subject.ids) == ("inhibited", ("1",))
    assert stop.message == "offer 1: held back by the rule alarm (advertiser=7): clicks 900"


def test_where_there_was_nothing_to_do_nothing_was_held_back(made, offers, now):
    low, target = made(), target_of("offer", "1")
    ours = facts_of(offers, now, ("offer",), [(("1",), 200, "7")])
    held = {Subject(("offer",), ("1",)): Inhibition(rule="alarm")}
    state = State(inhibited=held, targets={target: TargetState(target=target, active=False)})
    found = plan(low, evaluate(low, ours, now), state, now)
    assert found.outcome is Outcome.NOTHING
    assert [stop.guard for stop in found.stops] == ["already"]


def test_a_rules_own_test_can_say_who_held_it_back(made):
    more = f"{PAUSE}\ntests:\n  - given: {{offer: 1, clicks: 900}}\n    state: {{inhibited_by: alarm}}\n    expect: "
    assert not isinstance(made(more=more + "{held_back: {1: inhibited}, message: by the rule alarm}"), str)
    assert "held back by inhibited, not by cooldown" in made(more=more + "{held_back: {1: cooldown}}")


@pytest.mark.parametrize(
    ("inhibits", "per", "words"),
    [
        ("[offer-cr]", "advertiser", "no other rule is called that; did you mean 'offer-cr-low'?"),
        ("[offer-cr-low]", "publisher", "cannot hold back offer-cr-low, which is per offer and shares no publisher"),
    ],
)
def test_check_says_what_an_inhibition_cannot_do(made, inhibits, per, words):
    found = [problem.message for problem in check((made(), alarm(made, inhibits, per=per)))]
    assert any(words in message for message in found), found


def test_check_says_where_two_hold_each_other_back(made):
    low = made(more=f"{PAUSE}\ninhibits: {{rules: [alarm], per: advertiser}}")
    found = [problem.message for problem in check((low, alarm(made)))]
    assert found == ["alarm and offer-cr-low hold each other back: where both say yes, neither acts"]


@times(0.8)
@given(
    ours=st.lists(st.tuples(st.sampled_from([0, 200, None]), st.sampled_from(["7", "8", None])), max_size=5),
    theirs=st.dictionaries(st.sampled_from(["7", "8", "9"]), st.sampled_from([0, 200, None]), max_size=3),
)
def test_whatever_the_data_only_a_yes_is_held_back_and_only_by_a_yes(ours, theirs):
    """The second way to the same answer: a loop over pairs."""
    low, one = read("offer-cr-low", "offer", PAUSE), read("alarm", "advertiser", "inhibits: [offer-cr-*]")
    mine = facts_of(Offers, NOW, ("offer",), [((str(n),), clicks, of) for n, (clicks, of) in enumerate(ours)])
    other = facts_of(Offers, NOW, ("advertiser",), [((of,), clicks, of) for of, clicks in theirs.items()])
    found = inhibited(evaluate(low, mine, NOW), mine, evaluate(one, other, NOW), other)
    again = inhibited(evaluate(low, mine, NOW), mine, evaluate(one, other, NOW), other)
    expected = {str(n) for n, (clicks, of) in enumerate(ours) if clicks == 200 and theirs.get(of) == 200}
    assert {subject.ids[0] for subject in found} == expected
    assert found == again
