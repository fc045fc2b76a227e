"""What the console says is so: who did it, what became of it, and that nothing is wrong only when nothing is."""

import re
from datetime import UTC, datetime

import pytest
from network import ONBOARDING
from sqlalchemy import select
from used_network import RULE

from bridge.operations.channel_entry import add_channel
from bridge.operations.run_list import fold
from bridge.store import api_usage
from bridge.store.api_usage import Key, Sum
from bridge.store.entities import Entity
from bridge.store.holds import Hold
from bridge.store.journal import Event
from bridge.store.ledger import Call
from bridge.store.notifications import EMPTY, Notice
from bridge.store.runs import Cause, Run
from bridge.web.console import activity_pages, approval_pages, event_pages


def go_on(network, minutes=1):
    network.pass_time(minutes=minutes)
    network.work()


@pytest.fixture
def crowded(network):
    """A rule that has paused thirteen offers in one run."""
    network.now = datetime.now(UTC)
    network.world.offer("Good", clicks=200, conversions=10, active=True)
    network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    for number in range(12):
        network.world.offer(f"Worse {number}", clicks=350, conversions=0, active=True)
    for number in range(5):
        network.world.offer(f"Better {number}", clicks=100, conversions=10, active=True)
    network.rule(RULE.replace("MODE", "live"))
    network.work()
    return network


# --- who did it --------------------------------------------------------------------------------------


def test_an_undo_is_told_as_the_act_of_the_person(browser, lived_in):
    network = lived_in()
    operator = browser()
    operator.press("/runs/1", "/runs/1/undo", whole="yes")
    go_on(network)
    assert "a operator (undo of run 1)" in operator.open("/items/offer/1002")


def test_ending_a_pause_is_told_as_the_act_of_the_person(browser, lived_in):
    network = lived_in()
    operator = browser()
    operator.press("/holds", "/holds/1/release")
    go_on(network)
    assert "a operator (pause ended by hand)" in operator.open("/items/offer/1002")


# --- what became of it ------------------------------------------------------------------------------


def test_a_run_whose_plan_was_approved_or_rejected_does_not_wait_any_more(browser, lived_in):
    network = lived_in("approve")
    operator = browser()
    assert "waits for approval" in operator.open("/activity")
    operator.press("/approvals", "/approvals/1/reject", why="a test")
    page = operator.open("/activity")
    assert "rejected by a operator" in page
    assert "waits for approval" not in page
    go_on(network)


def test_after_undoing_one_the_others_can_still_be_undone(browser, crowded):
    operator = browser()
    operator.press("/runs/1", "/runs/1/undo", only="offer=1002")
    go_on(crowded)
    assert "undone by" in operator.open("/items/offer/1002")
    other = operator.open("/items/offer/1003")
    assert "undone by" not in other
    assert "?undo=offer%3D1003#undo" in other


def test_an_undo_that_was_rejected_has_undone_nothing(browser, crowded):
    operator = browser()
    page = operator.press("/runs/1", "/runs/1/undo", whole="yes", sure="13")
    go_on(crowded)
    if "needs approval" in page:
        operator.press("/approvals", "/approvals/2/reject", why="no")
        assert "undone by" not in operator.open("/items/offer/1003")


# --- asking once more -------------------------------------------------------------------------------


def test_a_large_undo_asks_once_more_with_count_and_names(browser, crowded):
    operator = browser()
    page = operator.press("/runs/1", "/runs/1/undo", whole="yes")
    assert "Undo 13 changes?" in page
    assert "Bad (offer 1002)" in page
    assert "Nothing has been done yet" in page
    go_on(crowded)
    assert len(crowded.paused) == 13


def test_yes_to_another_number_is_asked_again(browser, crowded):
    assert "Undo 13 changes?" in browser().press("/runs/1", "/runs/1/undo", whole="yes", sure="12")


def test_nothing_ticked_undoes_nothing(browser, crowded):
    assert "nothing is selected" in browser().press("/runs/1", "/runs/1/undo")
    assert "nothing is selected" in browser().press("/runs/1", "/runs/1/undo", whole="no")
    go_on(crowded)
    assert len(crowded.paused) == 13


@pytest.mark.parametrize("value", ["offer", "=1002", "offer=", ""])
def test_a_box_that_names_no_item_does_nothing(browser, crowded, value):
    page = browser().press("/runs/1", "/runs/1/undo", only=[value, "offer=1002"])
    assert "so nothing was done" in page
    go_on(crowded)
    assert len(crowded.paused) == 13


def test_several_pauses_end_at_once_and_none_when_none_is_ticked(browser, crowded):
    operator = browser()
    assert "Nothing is selected" in operator.press("/holds", "/holds/release")
    assert "2 items go back" in operator.press("/holds", "/holds/release", hold=["1", "2"])
    go_on(crowded)
    assert len(crowded.paused) == 11


# --- why --------------------------------------------------------------------------------------------


def test_why_beside_a_pause_explains_the_moment_of_the_pause(browser, lived_in):
    network = lived_in()
    page = browser().open("/items/offer/1002")
    link = page.split('">Why</a>')[0].rsplit('href="', 1)[1].replace("&amp;", "&")
    assert "at=" in link
    shown = browser().open(link)
    assert "is below 1.00%" in shown
    assert "Since then:" in shown
    assert "Comes back:" in shown
    assert network.paused == ["Bad"]


@pytest.mark.parametrize("text", ["1002", "offer 1002", "Bad", "offer=1002"])
def test_anything_that_people_call_an_offer_is_explained(browser, lived_in, text):
    lived_in()
    page = browser().open(f"/explain?subject={text}")
    assert "Already paused by this rule since" in page


def test_an_offer_that_is_not_there_has_no_explanation(browser, lived_in):
    network = lived_in()
    assert "There is no offer 99999" in browser().open("/explain?rule=low-cr&subject=offer=99999")
    network.rule(RULE.replace("MODE", "shadow").replace("id: low-cr", "id: another"), "another.yaml")
    assert "There is no offer 99999" in browser().open("/explain?subject=offer=99999")


def test_a_plan_says_why_it_waits(browser, lived_in):
    lived_in("approve")
    assert "the rule is in mode approve" in browser().open("/approvals")


# --- nothing is wrong --------------------------------------------------------------------------------


def test_while_integr8_cannot_be_reached_the_inbox_says_so_and_since_when(browser, lived_in):
    network = lived_in()
    with network.services.store.write() as session:
        for _ in range(4):
            session.add(
                Call(
                    account="main",
                    operation="offers.list",
                    targets=1,
                    started_at=network.now,
                    ended_at=network.now,
                    outcome="unreachable",
                    error="connection refused",
                )
            )
    page = browser().open("/")
    assert "Nothing is wrong" not in page
    assert "Integr8 cannot be reached" in page
    assert "since <time" in page


def test_a_network_whose_integr8_never_answered_is_told_why_nothing_is_read(browser, network):
    network.world.faults.add({"kind": "drop"})
    network.work()
    page = browser().open("/")
    assert "no report of Integr8 was ever read" in page
    assert "no answer: Server disconnected" in page
    assert "never read" not in page  # said once


def test_an_outage_in_which_nothing_was_changed_is_told_once(browser, lived_in):
    network = lived_in()
    network.world.faults.add({"kind": "drop"})
    for rounds in (3, 5):  # before a channel is told of it, and after
        for _ in range(rounds):
            go_on(network, minutes=5)
        page = browser().open("/")
        assert page.count("Integr8 cannot be read; no rule can decide on new reports") == 1
    assert "no answer: Server disconnected" in page
    assert "stands still" not in page


def test_an_empty_installation_shows_the_first_steps(browser):
    page = browser().open("/")
    assert "Nothing is wrong" not in page
    assert "Receive the first webhook" in page
    assert "See that the API key works" in page


@pytest.mark.parametrize(
    ("sums", "state", "words"),
    [
        ({"refused": 3}, "to do", "3 of 3 requests failed, 3 were refused"),
        ({"ok": 1, "unreachable": 2}, "done", "2 of 3 requests failed"),
    ],
)
def test_the_step_of_the_key_says_how_integr8_answered(browser, network, now, sums, state, words):
    with network.services.store.write() as session:
        found = {Key("main", now, "offers.list", outcome): Sum(requests=number) for outcome, number in sums.items()}
        api_usage.add(session, found)
    step = f'{state}</span> <strong>See that the API key works</strong> <span class="hint">{words}</span>'
    assert step in browser().open("/")


# --- finding -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["1002", "Bad", "offer 1002"])
def test_a_search_leads_to_the_offer_at_once(browser, lived_in, text):
    lived_in()
    assert browser().get(f"/search?q={text}").headers["Location"] == "/items/offer/1002"


def test_a_search_finds_a_rule_and_a_run(browser, lived_in):
    lived_in()
    visitor = browser()
    assert visitor.get("/search?q=low-cr").headers["Location"] == "/rules/low-cr"
    assert visitor.get("/search?q=run 1").headers["Location"] == "/runs/1"


def test_a_search_finds_a_webhook_by_what_it_says(browser, network):
    network.crm({"id": "tx-4711", "type": "deal.signed", "note": "blue 100%_moon"})
    network.work()
    visitor = browser()
    assert visitor.get("/search?q=blue 100%25_moon").headers["Location"].startswith("/events/")
    assert "contains it" in visitor.open("/search?q=red_moon")


def test_a_webhook_that_no_rule_wanted_says_so(browser, network):
    number = network.crm({"id": "1", "type": "deal.signed"}).get_json()["event_id"]
    assert "No rule has checked it." in browser().open(f"/events/{number}")
    network.work()
    assert "It matched the trigger of no rule." in browser().open(f"/events/{number}")


def test_a_part_of_its_id_or_of_its_senders_id_finds_a_webhook(browser, network):
    network.crm({"id": "msg_2b-Blue%Moon", "type": "deal.signed"})
    with network.services.store.write() as session:
        [event] = session.scalars(select(Event))
        event.body = b"{}"  # so that only its own columns have the id
        number = event.id
    visitor = browser()
    for text in ("blue%25moon", "msg_2b", number[:8], number[:12].lower()):
        assert visitor.get(f"/search?q={text}").headers["Location"] == f"/events/{number}", text
    assert "contains it" in visitor.open(f"/search?q={number[-8:]}")


def test_a_message_says_in_words_what_it_is_about(browser, network):
    add_channel(network.services, "ops", "webhook", "https://127.0.0.1:9/hook", who="test", now=network.now)
    with network.services.store.write() as session:
        session.add(Notice(**EMPTY | {
            "channel": "ops", "topic": "service_alert", "dedupe_key": "1", "text": "hello", "created_at": network.now,
            "due_at": network.now, "state": "sent",
        }))  # fmt: skip
    visitor = browser()
    for path in ("/notices/1", "/channels/ops"):
        page = visitor.open(path)
        assert ">problem with the service<" in page, path


def test_a_rule_that_said_yes_in_shadow_is_not_said_to_be_silent(browser, network):
    network.rule(ONBOARDING.replace("mode: live", "mode: shadow"))
    network.crm({"id": "1", "type": "deal.signed", "email": "ann@example.com"})
    network.work()
    visitor = browser()
    for path in ("/rules/onboarding", "/rules/onboarding/to/live"):
        page = visitor.open(path)
        assert "1 run</strong>" in page, path
        assert "never said yes" not in page, path
        assert "Backtest it first" not in page, path  # nothing replays its webhooks


def test_a_publisher_and_the_webhook_that_made_it_lead_to_each_other(browser, network):
    network.rule(
        """
schema: 1
id: from-crm
mode: live
trigger: {webhook: {source: crm}}
then:
  - ensure: publisher
    key: {email: "ann@example.com"}
    with: {name: Ann}
"""
    )
    network.crm({"id": "1"})
    network.work()
    go_on(network, minutes=30)
    visitor = browser()
    answer = visitor.get("/items/publisher/email=ann@example.com")
    with network.services.store.read() as session:
        ann = session.query(Entity).filter_by(kind="publisher").one()
    assert answer.headers["Location"].endswith(ann.ref)
    page = visitor.open(answer.headers["Location"])
    assert "Created by" in page
    assert "/events/" in page
    assert "ann@example.com" in visitor.open("/runs/1")


# --- lists -------------------------------------------------------------------------------------------


def test_checks_with_the_same_answer_are_one_row():
    def run(number, rule="a", outcome="stopped", cause=Cause.SLOT, yes=1):
        return Run(id=number, rule_id=rule, mode="live", outcome=outcome, cause=cause, yes=yes, started_at=number)

    rows = fold([run(9), run(8, rule="b"), run(7), run(6), run(5, outcome="ready"), run(4)])
    assert [(row.run.id, row.checks, row.since) for row in rows] == [(9, 3, 6), (8, 1, 8), (5, 1, 5), (4, 1, 4)]


def test_a_mute_is_listed_and_ended(browser, lived_in):
    network = lived_in()
    operator = browser()
    operator.press("/holds", "/holds/1/release")
    go_on(network)
    assert "offer 1002" in operator.open("/mutes")
    assert "may act on offer 1002 again" in operator.press("/mutes", "/mutes/end", rule="low-cr", item="offer=1002")
    assert "No rule is muted" in operator.open("/mutes")


def test_a_word_that_is_no_filter_is_refused(browser):
    visitor = browser()
    for page in ("/events?state=quarantine", "/activity?outcome=sucess", "/audit?from=yesterday", "/items?kind=x"):
        visitor.open(page, status=422)


def test_a_halt_leaves_one_on_the_page_where_one_was(browser, lived_in):
    lived_in()
    operator = browser()
    page = operator.press("/rules", "/halt", why="outage", back="/rules")
    assert "<h1>Rules</h1>" in page


def test_a_pause_is_found_by_its_id(browser, crowded):
    page = browser().open("/holds?q=1003")
    assert "offer 1003" in page
    assert "1 item" in page
    with crowded.services.store.read() as session:
        assert session.query(Hold).count() == 13


@pytest.mark.parametrize("page", ["/activity", "/holds", "/audit", "/events", "/items"])
def test_every_list_is_there_as_a_file_in_which_nothing_runs(browser, network, page):
    network.now = datetime.now(UTC)
    network.world.offer('=HYPERLINK("http://evil.example")', clicks=1000, conversions=1, active=True)
    network.rule(RULE.replace("MODE", "live").replace("share: 90%", "share: 100%"))
    network.work()
    visitor = browser()
    answer = visitor.get(f"{page}?csv=1")
    assert answer.mimetype == "text/csv"
    assert "csv=1" in visitor.open(page)
    assert not any(line.startswith("=") or ",=" in line for line in answer.get_data(as_text=True).splitlines())


def test_before_going_live_the_page_says_what_the_rule_would_have_done(browser, lived_in):
    lived_in("shadow")
    page = browser().open("/rules/low-cr")
    assert "what it would have done in 7 days" in page
    assert "It would have changed 1 item" in page


def test_the_inbox_names_the_last_change_and_not_a_later_yes_about_it(browser, lived_in):
    network = lived_in()
    go_on(network, minutes=30)
    page = browser().open("/")
    assert 'The last change: <a href="/runs/1">' in page


def test_the_pauses_that_end_within_a_day_are_those_that_the_inbox_leads_to(browser, crowded):
    operator = browser()
    inbox = operator.open("/")
    assert "13 items are" in inbox
    address = re.search(r'13 of them <a href="([^"]+)"', inbox)[1]
    assert "13 items." in operator.open(address)


def test_items_of_one_run_with_the_same_reason_are_told_together(browser, crowded):
    page = browser().open("/runs/1")
    assert "<strong>12 items</strong>: conversion rate 0.00% (0 of 350 clicks)" in page
    assert page.count("conversion rate 0.00% (0 of 350 clicks)") == 2  # with the verdicts, and with the changes
    assert page.count("as above") == 11
    assert 'href="/items/offer/1003">Worse 0</a>' in page


def test_a_check_and_the_pause_of_the_same_run_are_one_line_of_the_story(browser, lived_in):
    lived_in()
    told = browser().open("/items/offer/1002").partition("What happened")[2]
    assert "paused" in told
    assert "checked: yes" not in told


def test_the_list_of_items_says_whose_each_is_and_which_rule_keeps_it_paused(browser, lived_in):
    lived_in()
    page = browser().open("/items")
    assert ">Advertiser</a>" in page
    assert 'paused by <a href="/rules/low-cr">low-cr</a>' in page


def test_many_webhooks_of_one_state_are_counted_only_so_far(browser, network, monkeypatch):
    monkeypatch.setattr(event_pages, "MAX_COUNTED", 2)
    for number in range(3):
        network.crm({"id": str(number), "type": "deal.signed"})
    assert "<b>2+</b>" in browser().open("/events")


def test_a_page_shows_the_first_changes_of_a_large_run_and_leads_to_all(browser, crowded, monkeypatch):
    monkeypatch.setattr(activity_pages, "MAX_SHOWN_CHANGES", 5)
    operator = browser()
    page = operator.open("/runs/1?undo=1")
    assert page.count('name="only"') == 5
    assert operator.open("/runs/1?undo=1&all=1").count('name="only"') == 13


def test_a_page_shows_the_changes_with_the_most_money_of_a_large_plan(browser, network, monkeypatch):
    network.now = datetime.now(UTC)
    for number in range(6):
        network.world.offer(f"Bad {number}", clicks=600, conversions=0, active=True)
    network.rule(RULE.replace("MODE", "approve"))
    network.work()
    monkeypatch.setattr(approval_pages, "MAX_SHOWN", 2)
    monkeypatch.setattr(approval_pages, "MIN_SHOWN", 2)
    operator = browser()
    page = operator.open("/approvals")
    assert page.count('name="only"') == 2
    assert "The 2 with the most money." in page
    assert operator.open("/approvals?plan=1").count('name="only"') == 6


def test_the_audit_log_names_the_item_whose_pause_was_ended(browser, lived_in):
    lived_in()
    operator = browser()
    operator.press("/holds", "/holds/1/release")
    page = operator.open("/audit")
    assert '<a href="/items/offer/1002">offer 1002</a>' in page
    assert "paused by low-cr; holds 1" in page
    assert "stays" not in page
