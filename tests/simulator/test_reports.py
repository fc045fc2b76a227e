"""Newest first, cursors that hold while rows arrive, windows in any zone, statuses that change in place."""

from datetime import timedelta

import pytest


@pytest.fixture
def offer(world):
    return world.offer("Shoes", clicks=250, conversions=250, within=timedelta(hours=10))


def ids(page):
    return [row["real_tx_id"] for row in page["data"]]


def walk(report, table="click", size=100, **query):
    """All pages towards the older end."""
    page = report(table, **{"page[size]": str(size), **query})
    seen = ids(page)
    while page["pageInfo"]["hasNextPage"]:
        page = report(table, **{"page[size]": str(size), "page[after]": page["pageInfo"]["endCursor"], **query})
        seen += ids(page)
    return seen


def test_the_newest_comes_first(report, offer):
    page = report()
    assert ids(page) == sorted(ids(page), reverse=True)


def test_the_cursors_are_the_first_and_the_last_row(report, offer):
    page = report()
    info = page["pageInfo"]
    assert (info["startCursor"], info["endCursor"]) == (ids(page)[0], ids(page)[-1])


def test_walking_with_after_sees_every_row_once(report, offer, world):
    seen = walk(report)
    assert (len(seen), len(set(seen))) == (250, 250)


def test_walking_back_with_before_gives_the_same_pages(report, offer):
    first = report("click", **{"page[size]": "40"})
    second = report("click", **{"page[size]": "40", "page[after]": first["pageInfo"]["endCursor"]})
    back = report("click", **{"page[size]": "40", "page[before]": second["pageInfo"]["startCursor"]})
    assert ids(back) == ids(first)


def test_the_page_info_knows_both_ends(report, offer):
    first = report("click")
    last = report("click", **{"page[after]": sorted(row for row in walk(report))[50]})
    flags = [(page["pageInfo"]["hasPreviousPage"], page["pageInfo"]["hasNextPage"]) for page in (first, last)]
    assert flags == [(False, True), (True, False)]


def test_an_empty_report_has_empty_cursors(report, world):
    world.offer("Shoes")
    page = report()
    assert (page["data"], page["pageInfo"]["startCursor"], page["pageInfo"]["hasNextPage"]) == ([], "", False)


def test_rows_that_arrive_between_pages_shift_nothing(report, offer, world):
    before = set(walk(report))
    world.configure({"arrivals_per_page": 30})
    assert before <= set(walk(report)), "no old row is missed"


def test_a_late_row_slips_in_where_its_time_puts_it(report, offer, world, now):
    world.configure({})
    middle = now - timedelta(hours=7)
    row = world.tracker.convert(world.clicks.rows[0], at=int(middle.timestamp() * 1000))
    page = report()
    assert ids(page)[0] != row.real_tx_id
    assert row.real_tx_id in walk(report, "conversion")


def test_a_late_rejection_changes_the_row_and_not_its_place(api, report, world):
    world.offer("Shoes", clicks=10, conversions=10, within=timedelta(hours=5))
    before = report()
    oldest = before["data"][-1]["real_tx_id"]
    api.patch(f"/_sim/conversions/{oldest}", json={"status": "Rejected", "reason": "chargeback"})
    after = report()
    assert ids(after) == ids(before)
    assert (after["data"][-1]["status"], after["data"][-1]["rejection_reason"]) == ("Rejected", "chargeback")


def test_pending_rows_are_seen_only_without_a_status_filter(report, world):
    world.offer("Shoes", clicks=3, conversions=2, manually_approve_conversions=True)
    everything, approved = report(), report(**{"filter[status]": "Approved"})
    assert ({row["status"] for row in everything["data"]}, approved["data"]) == ({"Pending"}, [])


def test_both_ends_of_the_window_belong_to_it(report, world, now):
    offer = world.offer("Shoes")
    for seconds in (0, 1, 2, 3):
        at = int((now + timedelta(seconds=seconds)).timestamp() * 1000)
        world.tracker.click(offer, world.publisher(), at=at)
    page = report("click", start_time="2026-03-02 12:00:01", end_time="2026-03-02 12:00:02")
    assert [row["request_time"][-2:] for row in page["data"]] == ["02", "01"]


def test_times_are_asked_for_and_told_in_the_zone(report, world, now):
    world.tracker.click(world.offer("Shoes"), world.publisher(), at=int(now.timestamp() * 1000))
    page = report("click", start_time="2026-03-02 13:00:00", end_time="2026-03-02 13:00:00", timezone="Europe/Berlin")
    assert [row["request_time"] for row in page["data"]] == ["2026-03-02 13:00:00"]


def test_the_dates_of_the_references_own_example_are_understood(api, world, offer):
    query = {
        "integration_id": world.integration,
        "start_date": "2026-03-02",
        "end_date": "2026-03-02",
        "page[size]": "25",
    }
    answer = api.get("/api/v2/reports/v2/conversion-table", params=query)
    assert len(answer.json()["data"]["data"]) == 25


@pytest.mark.parametrize("missing", ["integration_id", "start_time", "end_time", "page[size]"])
def test_each_required_parameter_is_required(api, world, missing):
    query = {
        "integration_id": world.integration,
        "start_time": "2026-03-01 00:00:00",
        "end_time": "2026-03-02 00:00:00",
        "page[size]": "10",
    }
    answer = api.get("/api/v2/reports/v2/click-table", params={k: v for k, v in query.items() if k != missing})
    assert (answer.status_code, missing in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"page[size]": "101"},
        {"page[after]": "01HVMM5SAS879C0AQZ295VEVN9", "page[before]": "01HVMM5SAS879C0AQZ295VEVN9"},
        {"page[after]": "not-a-cursor"},
        {"timezone": "Mars/Olympus"},
        {"timezone": "../etc/passwd"},
        {"start_time": "2026-03-02T00:00:00"},
        {"start_time": "2026-12-31 00:00:00", "end_time": "2026-01-01 00:00:00"},
        {"filter[status]": "Pending"},
        {"integration_id": "nowhere"},
    ],
)
def test_what_the_reference_rules_out_is_refused(api, world, wrong):
    query = {
        "integration_id": world.integration,
        "start_time": "2026-03-01 00:00:00",
        "end_time": "2026-03-02 00:00:00",
        "page[size]": "10",
        **wrong,
    }
    assert api.get("/api/v2/reports/v2/click-table", params=query).status_code in {400, 404}


def test_sorting_a_report_changes_nothing_and_is_remarked(report, offer, world):
    page = report("click", sort="request_time")
    assert ids(page) == sorted(ids(page), reverse=True)
    assert world.log.entries[-1].remarks == ["sort is not supported on reports"]


def test_a_stalled_feed_hides_what_came_after(api, report, world, clock):
    offer = world.offer("Shoes", clicks=5)
    api.put("/_sim/feeds/clicks", json={"stalled": True})
    clock.advance(timedelta(minutes=5))
    world.tracker.click(offer, world.publisher())
    hidden = len(report("click")["data"])
    api.put("/_sim/feeds/clicks", json={"stalled": False})
    assert (hidden, len(report("click")["data"])) == (5, 6)


def test_publisher_and_advertiser_filters_narrow_the_rows(report, world):
    mine, other = world.publisher("Mine"), world.publisher("Other")
    offer = world.offer("Shoes", clicks=10, publishers=[mine, other])
    by_publisher = report("click", **{"filter[publisher]": mine.key})["data"]
    by_advertiser = report("click", **{"filter[advertiser]": str(offer.fields["advertiser_id"])})["data"]
    assert (len(by_publisher), len(by_advertiser)) == (5, 10)
