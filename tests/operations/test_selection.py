"""What a person selects of a run or a plan: by either id, by KIND=ID, and never by a guess."""

from functools import partial

import pytest
from rule_texts import pause_rule

from bridge.operations.approval_review import reviews
from bridge.operations.approvals import Person, approve
from bridge.operations.confirmation import about_approval, about_undo, must_be_confirmed
from bridge.operations.errors import NothingSelected, Unconfirmed
from bridge.operations.selection import EVERYTHING, Named
from bridge.operations.undo import undo
from bridge.store.ledger import Effect

GUARDS = "{at_most: {targets: 200, share: 100%}}"


def bad_offers(network, number=2, mode="approve", earning=(0, 0)):
    """Offers with one conversion each; the first two of them earn so much by it."""
    network.rule(pause_rule(mode, guards=GUARDS))
    found = [bad_offer(network, one, earning[one] if one < 2 else 0) for one in range(number)]
    network.world.offer("Good", clicks=1000, conversions=100, active=True)
    network.work()
    return found


def bad_offer(network, number, revenue):
    terms = {"payout": 1, "payout_type": "CPA", "revenue": revenue, "revenue_type": "RPA"}
    return network.world.offer(f"Bad {number}", clicks=1000, conversions=1, active=True, default_payout=terms)


def say_yes(network, choice):
    [plan] = reviews(network.services, now=network.now)
    answer = approve(network.services, plan.plan_id, person=Person(name="ann"), now=network.now, selection=choice)
    network.work()
    return answer


@pytest.mark.parametrize("write", ["offer={0.number}", "offer={0.key}", "{0.number}", "{0.key}"])
def test_an_item_is_named_by_either_id_with_or_without_its_kind(network, write):
    first, _second = bad_offers(network)
    assert say_yes(network, Named([write.format(first)])).kept == 1
    assert network.paused == ["Bad 0"]
    [applied] = [one for one in network.all(Effect) if one.state == "applied"]
    undo(network.services, 1, who="ann", now=network.now, selection=Named([write.format(first)]))
    network.work()
    assert (applied.target_id, network.paused) == (str(first.number), [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("offr={0.number}", "did you mean offer={0.number}?"),
        ("publisher={0.number}", "part of it: offer="),
        ("offer:{0.number}", "write KIND=ID; did you mean offer={0.number}?"),
        ("999999", "write KIND=ID"),
        ("offer=", "write KIND=ID"),
        ("=", "write KIND=ID"),
        ("", "write KIND=ID"),
        ("all", "write KIND=ID"),
        ("*", "write KIND=ID"),
        ("offer={0.number},offer=2", "write KIND=ID"),
    ],
)
def test_what_names_nothing_is_refused_with_the_form_and_the_nearest(network, text, words):
    first, _second = bad_offers(network)
    with pytest.raises(NothingSelected) as refused:
        say_yes(network, Named([text.format(first)]))
    assert words.format(first) in str(refused.value)
    assert network.paused == []


def test_one_wrong_name_among_right_ones_stops_all_of_it(network):
    first, second = bad_offers(network)
    with pytest.raises(NothingSelected, match="'offer=7'"):
        say_yes(network, Named([f"offer={first.number}", "offer=7", second.key]))
    assert network.paused == []


def test_more_than_ten_changes_are_asked_about_with_names_and_money(network):
    bad_offers(network, number=12, earning=(50, 0))
    [plan] = reviews(network.services, now=network.now)
    asked = about_approval(network.services, plan.plan_id, EVERYTHING, network.now)
    text = str(asked)
    assert text.startswith("approve 12 changes: Bad ")
    assert "of revenue in 24 hours hangs on them" in text
    assert text.endswith("of everything in the rule's scope")
    assert asked.is_large
    for wrong in (11, 0):
        with pytest.raises(Unconfirmed):
            must_be_confirmed(asked, wrong)
    must_be_confirmed(asked, 12)
    must_be_confirmed(asked, None)


def test_one_change_that_brings_a_tenth_of_the_revenue_is_asked_about(network):
    rich, poor = bad_offers(network, earning=(90, 5))
    [plan] = reviews(network.services, now=network.now)
    ask = partial(about_approval, network.services, plan.plan_id, now=network.now)
    assert [ask(Named([one.key])).is_large for one in (rich, poor)] == [True, False]
    text = str(ask(Named([rich.key])))
    assert text.startswith(
        f"approve 1 change: Bad 0 (offer {rich.number}); 90.00 USD of revenue in 24 hours hangs on it, 9"
    )


def test_an_undo_is_asked_about_by_what_it_would_change(network):
    bad_offers(network, number=12, mode="live")
    assert about_undo(network.services, 1, EVERYTHING, network.now).count == 12
    assert about_undo(network.services, 1, Named(["offer=1001"]), network.now).count == 1
    with pytest.raises(NothingSelected):
        about_undo(network.services, 1, Named(["offer=7"]), network.now)
