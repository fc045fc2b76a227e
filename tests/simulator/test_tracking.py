"""Clicks, conversions, events and rejections, as the tracker takes them."""

from datetime import timedelta

import pytest

from bridge.simulator.rows import APPROVED, PENDING, REJECTED


@pytest.fixture
def publisher(world):
    return world.publisher("Acme")


@pytest.fixture
def click(world, publisher):
    def make(**fields):
        return world.tracker.click(world.offer("Shoes", **fields), publisher)

    return make


def test_a_paused_offer_sends_its_clicks_to_the_fallback_and_leaves_no_row(world, publisher):
    offer = world.offer("Shoes", active=False)
    assert world.tracker.click(offer, publisher) is None
    assert (len(world.clicks), world.tracker.sent_to_fallback) == (0, 1)


def test_or_a_rejected_row_when_it_is_set_so(world, publisher):
    world.configure({"paused_traffic": "rejected"})
    row = world.tracker.click(world.offer("Shoes", active=False), publisher)
    assert row.status == REJECTED


def test_a_paused_publisher_sends_no_traffic_either(world):
    assert world.tracker.click(world.offer("Shoes"), world.publisher("Off", active=False)) is None


def test_what_was_clicked_before_the_pause_still_converts(world, publisher, clock):
    offer = world.offer("Shoes")
    clicked = world.tracker.click(offer, publisher)
    world.directory.update(offer, {"active": False})
    clock.advance(timedelta(hours=1))
    assert world.tracker.convert(clicked).status == APPROVED


def test_a_duplicate_conversion_is_rejected(world, click):
    clicked = click()
    assert [world.tracker.convert(clicked).status for _ in range(2)] == [APPROVED, REJECTED]


def test_unless_the_offer_allows_it_and_then_the_transaction_id_stands_twice(world, click, report):
    clicked = click(allow_duplicate_conversions=True)
    for _ in range(2):
        world.tracker.convert(clicked)
    rows = report()["data"]
    assert {row["transaction_id"] for row in rows} == {clicked.real_tx_id}
    assert len({row["real_tx_id"] for row in rows}) == 2


def test_manual_approval_leaves_conversions_pending(world, click):
    assert world.tracker.convert(click(manually_approve_conversions=True)).status == PENDING


def test_an_event_needs_a_conversion_before_it(world, click):
    clicked = click()
    offer = world.directory.offers.numbered(clicked.offer)
    event = world.directory.create("offer_events", {"name": "Deposit", "payout": 3}, offer=offer.key)
    assert world.tracker.convert(clicked, event=event) is None
    world.tracker.convert(clicked)
    assert world.tracker.convert(clicked, event=event).payout == 3


@pytest.mark.parametrize(("several", "second"), [(False, None), (True, "Deposit")])
def test_an_event_repeats_only_where_it_may(world, click, several, second):
    clicked = click()
    offer = world.directory.offers.numbered(clicked.offer)
    event = world.directory.create(
        "offer_events", {"name": "Deposit", "allow_multiple_events": several}, offer=offer.key
    )
    world.tracker.convert(clicked)
    world.tracker.convert(clicked, event=event)
    again = world.tracker.convert(clicked, event=event)
    assert (again.event_name if again else None) == second


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"payout_type": "CPA", "payout": 5, "revenue_type": "RPA", "revenue": 8}, (5, 8)),
        ({"payout_type": "CPS", "payout_percent": 10, "revenue_type": "RPS", "revenue_percent": 20}, (20, 40)),
        ({"payout_type": "PRV", "payout_percent": 50, "revenue_type": "RPA", "revenue": 8}, (4, 8)),
        ({"payout_type": "CPAxCPS", "payout": 1, "payout_percent": 1, "revenue_type": "RPC", "revenue": 9}, (3, 0)),
    ],
)
def test_a_conversion_pays_what_the_offer_says(world, click, terms, expected):
    row = world.tracker.convert(click(default_payout=terms), purchase=200)
    assert (row.payout, row.revenue) == expected


def test_the_rejection_address_rejects_an_approved_conversion(api, world, click):
    row = world.tracker.convert(click())
    api.get("/", params={"new_rejected_reason": "fraud", "transaction_id": row.transaction_id})
    assert (row.status, row.reason) == (REJECTED, "fraud")


def test_rejecting_again_replaces_the_reason(api, world, click):
    row = world.tracker.convert(click())
    for reason in ("fraud", "chargeback"):
        api.get("/", params={"new_rejected_reason": reason, "transaction_id": row.transaction_id})
    assert row.reason == "chargeback"


def test_rejecting_something_unknown_is_no_error(api):
    assert api.get("/", params={"new_rejected_reason": "fraud", "transaction_id": "nothing"}).status_code == 200


def test_a_tracking_link_and_a_conversion_postback_make_rows(api, world, publisher):
    offer = world.offer("Shoes")
    answer = api.get("/", params={"offer": offer.number, "publisher": publisher.number, "sub_id": "s1"})
    transaction = answer.headers["location"].partition("transaction_id=")[2]
    said = api.get("/", params={"secure": world.secure_token, "transaction_id": transaction}).json()
    assert (answer.status_code, said) == (302, {"transaction_id": transaction, "status": "approved"})


def test_a_conversion_postback_needs_the_token(api, click):
    answer = api.get("/", params={"secure": "guess", "transaction_id": click().real_tx_id})
    assert answer.status_code == 403


def test_a_soft_cap_sends_clicks_away_and_keeps_later_conversions_pending(api, world, publisher, clock):
    offer = world.offer("Shoes")
    clicks = [world.tracker.click(offer, publisher) for _ in range(3)]
    api.put(f"/_sim/caps/{offer.key}", json={"conversions_per_day": 2})
    assert [world.tracker.convert(each).status for each in clicks] == [APPROVED, APPROVED, PENDING]
    assert world.tracker.click(offer, publisher) is None
    clock.advance(timedelta(days=1))
    assert world.tracker.click(offer, publisher) is not None
