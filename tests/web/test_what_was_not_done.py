"""What was not done is never shown as done: parts that were left out, refusals, long messages."""

from datetime import UTC, datetime

import pytest
from rule_texts import pause_rule
from sqlalchemy import select

from bridge.operations.approval_review import reviews
from bridge.operations.cancel import cancel_planned
from bridge.operations.run_outcomes import run_outcomes
from bridge.operations.selection import EVERYTHING, only
from bridge.operations.undo import undo
from bridge.store import audit_log
from bridge.store.entities import ChangedBy, Entity, EntityChange
from bridge.store.ledger import Effect, StoredPlan
from bridge.store.runs import Run
from rules.model.state import target_of

OPEN = "{at_most: {targets: 50}}"


@pytest.fixture
def bad_offers(network):
    """Twelve offers that hardly convert, beside a good one."""
    network.now = datetime.now(UTC)
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    for number in range(12):
        network.world.offer(f"Bad {number}", clicks=1000, conversions=1, active=True)
    return network


@pytest.fixture
def waiting(bad_offers):
    bad_offers.rule(pause_rule("approve"))
    bad_offers.work()
    return bad_offers


@pytest.fixture
def paused(bad_offers):
    bad_offers.rule(pause_rule(guards=OPEN))
    bad_offers.work()
    assert len(bad_offers.paused) == 12
    return bad_offers


def test_what_was_not_approved_is_left_out_and_not_done(waiting, browser):
    operator = browser()
    operator.press("/approvals", "/approvals/1/approve", only="offer=1002")
    waiting.work()
    page = operator.open("/runs/1")
    assert page.count("</span> left out") == 11
    assert "skipped" not in page
    assert "left out: not among what was approved" in page
    assert "left out" in operator.open("/items/offer/1003")


def test_a_plan_of_which_nothing_was_done_was_not_so_already(waiting):
    with waiting.services.store.write() as session:
        session.get_one(StoredPlan, 1).state = "ready"
        cancel_planned(session, [1], why="cancelled by ann", now=waiting.now, selection=EVERYTHING)
    with waiting.services.store.read() as session:
        outcome = run_outcomes(session, session.scalars(select(Run)).all())[1]
        assert {one.shown for one in session.scalars(select(Effect))} == {"left_out"}
    assert (outcome.state, outcome.text) == ("left_out", "nothing of it was done")


def test_a_plan_under_way_has_no_tick(waiting, browser):
    operator = browser()
    operator.press("/approvals", "/approvals/1/approve", only="offer=1002")
    page = operator.open("/runs/1")
    assert 'Plan 1 <span class="state plain"><span aria-hidden="true">…</span> in progress' in page
    assert "1 under way, approved by" in page


def test_the_run_of_a_person_tells_no_verdicts(paused, browser):
    operator = browser()
    operator.press("/holds", "/holds/1/release")
    page = operator.open("/runs/2")
    assert "asked for, by" in page
    assert "Verdicts" not in page


def test_what_waited_and_was_approved_was_not_left_undone(bad_offers, browser):
    network, operator = bad_offers, browser()
    network.rule(pause_rule(guards="{at_most: {targets: 5}}"))
    network.work()
    with network.services.store.read() as session:
        at = session.get_one(Run, 1).started_at.isoformat().replace("+", "%2B")
    network.pass_time(minutes=1)
    operator.press("/approvals", "/approvals/1/approve", only="offer=1002")
    network.work()
    page = operator.open(f"/explain?rule=low-cr&subject=offer=1002&at={at}")
    assert "<p>Held back: 12 targets, at most 5 allowed: the plan waits for a person.</p>" in page
    assert "<strong>Comes back:</strong>" in page
    assert "Nothing was done" not in page


def test_a_pause_that_cannot_be_ended_is_no_good_news(paused, browser):
    operator = browser()
    operator.press("/", "/halt", why="outage")
    for path, more in (("/holds/release", {"hold": "1"}), ("/holds/1/release", {})):
        page = operator.press("/holds", path, **more)
        assert '<div class="flash bad" role="status">No pause was ended: everything is halted: outage' in page


def test_an_undo_of_a_part_that_waits_calls_the_other_parts_not_new(paused):
    paused.rule(pause_rule(guards="{at_most: {targets: 1}}"))
    part = only([target_of("offer", "1002"), target_of("offer", "1003")])
    undo(paused.services, 1, who="ann", now=paused.now, selection=part)
    [review] = reviews(paused.services, now=paused.now)
    assert (review.changed, list(review.new_since)) == ("nothing", [])


def test_a_message_about_many_items_names_the_first_and_counts_the_rest(paused, browser):
    page = browser().press("/runs/1", "/runs/1/undo", whole="yes", sure="12")
    assert page.count("activate offer 10") == 10
    assert "; and 2 more" in page


def test_a_change_of_a_list_is_told_without_brackets(paused, browser):
    with paused.services.store.write() as session:
        entity = session.scalars(select(Entity).where(Entity.number == "1001")).one()
        session.add(
            EntityChange(
                account=entity.account, integration=entity.integration, kind="offer", ref=entity.ref, field="geos",
                before=["DE", "AT"], after={"only": ["CH"], "strict": True}, after_at=paused.now, seen_at=paused.now,
                cause=ChangedBy.PERSON,
            )
        )  # fmt: skip
    assert "geos: DE, AT → only CH, strict yes" in browser().open("/items/offer/1001")


def test_a_long_detail_of_the_audit_log_says_that_it_is_cut(paused, browser):
    with paused.services.store.write() as session:
        detail = {"dropped": [f"offer {number}" for number in range(200)]}
        audit_log.note(session, who="ann", what="approve", about="plan 1", now=paused.now, detail=detail)
    operator = browser()
    page = operator.open("/audit")
    assert "offer 0, offer 1," in page
    assert "… (all of it in the file)" in page
    assert "offer 199" not in page
    assert "offer 199" in operator.open("/audit?csv=1")
