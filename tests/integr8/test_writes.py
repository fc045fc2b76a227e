"""Creating, changing, switching: what is read before, what after, and what becomes of failures."""

import pytest

from bridge.integr8 import OPERATIONS, errors

OFFER = "/api/v2/integrations/dhkwd4izck/offers"


def test_after_a_create_the_object_is_read(client, integr8):
    offer = client.offers.create(name="Summer", advertiser_id=7)
    assert integr8.lines == [f"POST {OFFER}", f"GET {OFFER}/wvv9f89xio"]
    assert offer["incremental_id"] == 42


def test_a_create_that_cannot_be_read_back_is_still_a_create(client, integr8, double):
    integr8.will(double.sample("created.json", 201), double.says({}, 403))
    made = client.users.create(email="a@b.example", role="admin", password="hunter2hunter2")
    assert made == {"id": "wvv9f89xio", "email": "a@b.example", "role": "admin"}


def test_an_offer_is_read_before_it_is_changed(client, integr8):
    client.offers.update("42", description="new")
    assert integr8.lines == [f"GET {OFFER}/42", f"PATCH {OFFER}/42"]
    assert integr8.seen[1].json == {"name": "Summer", "advertiser_id": 7, "description": "new"}


def test_an_offer_with_all_that_a_patch_requires_is_not_read(client, integr8):
    client.offers.update("42", name="Autumn", advertiser_id=7)
    assert integr8.lines == [f"PATCH {OFFER}/42"]


def test_an_advertiser_id_that_reads_as_text_is_sent_as_a_number(client, integr8, double):
    integr8.will(double.says({"data": {"id": "42", "name": "Summer", "advertiser_id": "7"}}))
    client.offers.update("42", active=False)
    assert integr8.seen[1].json["advertiser_id"] == 7


def test_a_required_field_that_cannot_be_read_must_be_given(client, integr8, double):
    integr8.will(double.says({"data": {"id": "42", "name": "Summer"}}))
    with pytest.raises(errors.InvalidCall, match="advertiser_id: is required"):
        client.offers.update("42", active=False)
    assert len(integr8.seen) == 1


def test_a_user_needs_no_reading_before_a_change(client, integr8):
    client.users.update("u1", status="Deactivated")
    assert integr8.lines == ["PATCH /api/v2/users/u1"]


def test_events_and_landing_pages_hang_below_their_offer(client, integr8):
    client.offer_events.update(42, "e1", payout=5)
    client.landing_pages.delete(42, "l1")
    assert integr8.lines == [
        f"GET {OFFER}/42/events/e1", f"PATCH {OFFER}/42/events/e1", f"DELETE {OFFER}/42/landing-pages/l1",
    ]  # fmt: skip


# --- many at once ----------------------------------------------------------------------------------


def test_many_are_switched_by_few_calls(client, integr8):
    done = client.offers.set_status(range(250), active=False)
    assert integr8.lines == [f"PUT {OFFER}/bulk"] * 3
    assert [id_ for seen in integr8.seen for id_ in seen.json["data"]] == [str(n) for n in range(250)]
    assert done == tuple(str(n) for n in range(250))


def test_an_id_that_is_named_twice_is_sent_once(client, integr8):
    client.offers.set_status([1, "1", 2], active=True)
    assert integr8.seen[0].json == {"active": True, "data": ["1", "2"]}


def _no_bulk(double, status):
    def script(seen):
        if seen.path.endswith("/bulk"):
            return double.says({}, status)
        if seen.verb == "GET" and seen.path.endswith("/off"):
            return double.says({"data": {"id": "off", "name": "n", "advertiser_id": 7, "active": False}})
        if seen.path.endswith("/gone"):
            return double.says({}, 404)
        return None

    return script


@pytest.mark.parametrize(("status", "asked"), [(404, 2), (405, 1)])  # a 404 may be about an object: one is sent alone
def test_without_a_bulk_route_each_is_read_and_patched(client, integr8, double, status, asked):
    integr8.script = _no_bulk(double, status)
    assert client.offers.set_status(["1", "off"], active=False) == ("1", "off")
    assert integr8.lines == [f"PUT {OFFER}/bulk"] * asked + [f"GET {OFFER}/1", f"PATCH {OFFER}/1", f"GET {OFFER}/off"]
    assert integr8.seen[asked + 1].json == {"name": "Summer", "advertiser_id": 7, "active": False}


@pytest.mark.parametrize("status", [404, 405])
def test_a_missing_bulk_route_is_tried_once(client, integr8, double, status):
    integr8.script = _no_bulk(double, status)
    client.offers.set_status(["1"], active=False)
    client.offers.set_status(["2"], active=False)
    assert integr8.lines.count(f"PUT {OFFER}/bulk") == 1


def test_a_target_that_is_not_there_does_not_stop_the_others(client, integr8, double):
    integr8.script = _no_bulk(double, 404)
    with pytest.raises(errors.PartlyDone) as caught:
        client.offers.set_status(["gone", "2"], active=False)
    assert caught.value.done == ("2",)
    assert isinstance(caught.value.failed["gone"], errors.NotFound)


def test_a_bulk_call_for_nothing_that_exists_does_not_condemn_the_route(client, integr8, double):
    integr8.script = _no_bulk(double, 404)
    with pytest.raises(errors.NotFound):
        client.offers.set_status(["gone"], active=False)
    integr8.script = lambda _: None
    client.offers.set_status(["1"], active=False)
    assert integr8.lines[-1] == f"PUT {OFFER}/bulk"


def test_what_would_meet_every_call_ends_the_first(client, integr8, double):
    integr8.script = lambda _: double.says({}, 403)
    with pytest.raises(errors.Forbidden):
        client.offers.set_status(range(250), active=False)
    assert len(integr8.seen) == 1


def _refuses(double, status, *refused):
    def script(seen):
        if seen.path.endswith("/bulk") and {str(one) for one in refused} & set(seen.json["data"]):
            return double.says({"error": "no"}, status)
        return None

    return script


BULK = {
    "offers.set_status": lambda client, ids: client.offers.set_status(ids, active=False),
    "offers.bulk_delete": lambda client, ids: client.offers.bulk_delete(ids),
    "publishers.set_status": lambda client, ids: client.publishers.set_status(ids, active=False),
    "publishers.bulk_delete": lambda client, ids: client.publishers.bulk_delete(ids),
    "advertisers.set_status": lambda client, ids: client.advertisers.set_status(ids, active=False),
    "advertisers.bulk_delete": lambda client, ids: client.advertisers.bulk_delete(ids),
}


def test_every_bulk_operation_is_tried_here():
    assert set(BULK) == {one.name for one in OPERATIONS.values() if one.bulk_key}


@pytest.mark.parametrize("status", [400, 402, 404, 409, 422])
@pytest.mark.parametrize("refused", ["0", "99", "7 130 131", "0 1 249"])
@pytest.mark.parametrize("name", BULK)
def test_one_refused_id_fails_alone_within_few_calls(client, integr8, double, name, refused, status):
    """The route is there; an id that is gone is answered 404 wherever it is asked for."""
    taken, refused = set(), set(refused.split())

    def script(seen):
        if not seen.path.endswith("/bulk"):
            return double.says({}, 404) if seen.path.rpartition("/")[2] in refused else None
        if refused & set(seen.json["data"]):
            return double.says({"error": "no"}, status)
        taken.update(seen.json["data"])
        return None

    integr8.script = script
    with pytest.raises(errors.PartlyDone) as caught:
        BULK[name](client, range(250))
    everything = {str(one) for one in range(250)}
    assert set(caught.value.failed) == refused
    assert set(caught.value.done) == everything - refused == taken
    assert len(integr8.seen) < 60
    # The next call is one of many again.
    before = len(integr8.seen)
    BULK[name](client, ["300", "301", "302"])
    assert len(integr8.seen) == before + 1


@pytest.mark.parametrize("status", [400, 402, 409, 422])
def test_only_the_refused_ones_of_a_bulk_call_fail(client, integr8, double, status):
    integr8.script = _refuses(double, status, 7, 130, 131)
    with pytest.raises(errors.PartlyDone) as caught:
        client.offers.set_status(range(250), active=False)
    assert len(caught.value.done) == 247
    assert set(caught.value.failed) == {"7", "130", "131"}
    assert len(integr8.seen) < 60


def test_where_the_route_is_known_a_404_is_about_a_target(client, integr8, double):
    integr8.script = _no_bulk(double, 404)
    client.context.without_bulk.clear()
    with pytest.raises(errors.PartlyDone) as caught:
        client.offers.set_status(["1", "gone", "2"], active=False)
    assert (caught.value.done, set(caught.value.failed)) == (("1", "2"), {"gone"})


def test_an_account_that_may_not_is_not_asked_for_each_target(client, integr8, double):
    integr8.script = _refuses(double, 402, *range(250))
    with pytest.raises(errors.RequestFailed):
        client.offers.set_status(range(250), active=False)
    assert len(integr8.seen) < 30


def test_dividing_ends_in_time_and_says_what_was_not_tried(client, integr8, double, clock):
    integr8.script = lambda seen: clock.sleep(3) or _refuses(double, 400, *range(100))(seen)
    with pytest.raises(errors.PartlyDone) as caught:
        client.offers.set_status(range(100), active=False)
    assert {type(error) for error in caught.value.failed.values()} == {errors.BadRequest, errors.NotTried}
    assert len(integr8.seen) < 15


def test_many_are_deleted_with_a_body(client, integr8):
    client.publishers.bulk_delete(["1", "2"])
    assert integr8.lines == ["DELETE /api/v2/publishers/bulk"]
    assert integr8.seen[0].json == {"data": ["1", "2"]}


# --- find or create --------------------------------------------------------------------------------


def _people(double, *people):
    def script(seen):
        if seen.verb == "GET" and seen.path == "/api/v2/publishers":
            return double.says({"data": list(people), "meta": {"total_count": len(people), "total_page": 1}})
        return None

    return script


def test_what_is_there_is_not_created(client, integr8, double):
    integr8.script = _people(double, {"id": "p1", "email": "Ann@b.example"}, {"id": "p2", "email": "x@b.example"})
    row, created = client.publishers.ensure(name="Ann", email="ann@B.example")
    assert (row["id"], created) == ("p1", False)
    assert integr8.lines == ["GET /api/v2/publishers"]
    assert integr8.seen[0].query["filter[email]"] == ["ann@B.example"]


def test_what_is_missing_is_created(client, integr8, double):
    integr8.script = _people(double, {"id": "p2", "email": "x@b.example"})
    _, created = client.publishers.ensure(name="Ann", email="ann@b.example")
    assert created
    assert integr8.lines[:2] == ["GET /api/v2/publishers", "POST /api/v2/publishers"]


def test_nothing_is_created_where_a_list_shows_less_than_it_announces(client, integr8, double):
    integr8.script = lambda _: double.says({"data": [], "meta": {"total_count": 3, "total_page": 1}})
    with pytest.raises(errors.Incomplete):
        client.publishers.ensure(name="Ann", email="ann@b.example")
    assert {line.split()[0] for line in integr8.lines} == {"GET"}


def test_where_only_the_filtered_list_is_short_the_whole_list_decides(client, integr8, double):
    everybody = [{"id": "p1", "email": "x@b.example"}, {"id": "p2", "email": "ann@b.example"}]

    def script(seen):
        shown = [] if "filter[email]" in seen.query else everybody
        return double.says({"data": shown, "meta": {"total_count": 2, "total_page": 1}})

    integr8.script = script
    row, created = client.publishers.ensure(name="Ann", email="ann@b.example")
    assert (row["id"], created) == ("p2", False)


def _list_that_filters(double, people, matches):
    """A list of people whose filter by e-mail compares as `matches` does. A create adds one more."""

    def script(seen):
        if seen.verb == "POST":
            people.append({"id": f"new{len(people)}", **seen.json})
            return None
        if seen.path != "/api/v2/publishers":
            return None
        [wanted] = seen.query.get("filter[email]", [None])
        shown = [one for one in people if wanted is None or matches(one.get("email"), wanted)]
        return double.says({"data": shown, "meta": {"total_count": len(shown), "total_page": 1}})

    return script


@pytest.mark.parametrize("wanted", ["ann@b.example", "ANN@B.example", " Ann@b.example "])
def test_nobody_is_created_twice_because_the_filter_tells_case(client, integr8, double, wanted):
    integr8.script = _list_that_filters(
        double, [{"id": "p0"}, {"id": "p1", "email": "x@b.example"}, {"id": "p2", "email": "Ann@b.example"}],
        lambda present, text: present == text,
    )  # fmt: skip
    row, created = client.publishers.ensure(name="Ann", email=wanted)
    assert (row["id"], created) == ("p2", False)


def test_whether_a_filter_tells_case_is_asked_once(client, integr8, double):
    people = [{"id": "p1", "email": "x@b.example"}]
    integr8.script = _list_that_filters(
        double, people, lambda present, text: (present or "").casefold() == text.casefold()
    )
    for name in ("ann", "bob", "cy"):
        assert client.publishers.ensure(name=name, email=f"{name}@b.example")[1]
    asked = [seen.query.get("filter[email]") for seen in integr8.seen if seen.path == "/api/v2/publishers"]
    assert asked.count(["X@B.EXAMPLE"]) == 1
    assert [seen.verb for seen in integr8.seen].count("POST") == len(people) - 1 == 3


@pytest.mark.parametrize("write", [str, float])
def test_a_count_that_is_written_as_a_text_or_with_a_point_is_a_count(client, integr8, double, write):
    integr8.script = lambda _: double.says({"data": [], "meta": {"total_count": write(3), "total_page": write(1)}})
    with pytest.raises(errors.Incomplete):
        client.publishers.ensure(name="Ann", email="ann@b.example")
    assert {line.split()[0] for line in integr8.lines} == {"GET"}


def test_small_pages_without_any_count_are_read_to_the_end(client, integr8, double):
    everybody = [{"id": f"p{n}", "email": f"{n}@b.example"} for n in range(60)] + [
        {"id": "ann", "email": "a@b.example"}
    ]

    def script(seen):
        number = int(seen.query["page[number]"][0])
        return double.says({"data": everybody[(number - 1) * 20 : number * 20]})

    integr8.script = script
    assert client.publishers.ensure(name="Ann", email="a@b.example")[0]["id"] == "ann"


@pytest.mark.parametrize("announced", [-1, 0, 1, 100, 149, 150])
def test_nobody_is_created_twice_because_a_list_announces_too_little(client, integr8, double, announced):
    """The filter is not known to the server, and Ann stands on its second page."""
    everybody = [{"id": f"p{n}", "email": f"{n}@b.example"} for n in range(149)] + [
        {"id": "ann", "email": "a@b.example"}
    ]

    def script(seen):
        if seen.verb != "GET":
            return None
        number, size = int(seen.query["page[number]"][0]), int(seen.query["page[size]"][0])
        meta = {"total_count": announced, "total_page": 1 if announced < 149 else 2}
        return double.says({"data": everybody[(number - 1) * size : number * size], "meta": meta})

    integr8.script = script
    row, created = client.publishers.ensure(name="Ann", email="a@b.example")
    assert (row["id"], created) == ("ann", False)


def test_two_with_the_same_key_are_for_a_person_to_sort_out(client, integr8, double):
    integr8.script = _people(double, {"id": "p1", "email": "a@b.example"}, {"id": "p2", "email": "a@b.example"})
    with pytest.raises(errors.NotUnique) as caught:
        client.publishers.ensure(name="Ann", email="a@b.example")
    assert caught.value.ids == ("p1", "p2")


def test_a_create_with_a_lost_answer_is_settled_by_finding(client, integr8, double):
    there = []

    def script(seen):
        if seen.verb == "POST":
            there.append({"id": "p9", "email": "a@b.example"})
            return double.Answer(drop=True)
        return _people(double, *there)(seen)

    integr8.script = script
    row, created = client.publishers.ensure(name="Ann", email="a@b.example")
    assert (row["id"], created) == ("p9", True)
    assert [line.split()[0] for line in integr8.lines] == ["GET", "GET", "POST", "GET"]


def test_a_create_that_cannot_be_found_again_stays_unknown(client, integr8, double):
    integr8.script = lambda seen: double.Answer(drop=True) if seen.verb == "POST" else _people(double)(seen)
    with pytest.raises(errors.OutcomeUnknown):
        client.publishers.ensure(name="Ann", email="a@b.example")
    assert [line.split()[0] for line in integr8.lines] == ["GET", "GET", "POST", "GET", "GET"]
