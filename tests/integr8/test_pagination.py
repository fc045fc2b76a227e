"""Reading page by page while the world goes on."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.integr8 import errors
from bridge.integr8.pagination import Cursor, Numbered


def _read(paging, answer):
    rows = []
    while (query := paging.query) is not None:
        rows += paging.take(answer(query)).rows
    return rows


# --- numbered pages --------------------------------------------------------------------------------


def _numbered(objects, query):
    number, size = query["page[number]"], query["page[size]"]
    part = objects[(number - 1) * size : number * size]
    total = -(-len(objects) // size)
    return {"data": [dict(one) for one in part], "meta": {"total_count": len(objects), "total_page": total}}


@given(
    size=st.integers(1, 7),
    begin=st.integers(0, 30),
    arrivals=st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=20),
)
def test_objects_that_are_added_while_one_reads_hide_and_double_nothing(size, begin, arrivals):
    objects = [{"id": f"old{n}"} for n in range(begin)]
    coming = iter(arrivals)
    fresh = iter(range(10_000))

    def answer(query):
        found = _numbered(objects, query)
        many, at_front = next(coming, (0, True))
        for _ in range(many):
            objects.insert(0 if at_front else len(objects), {"id": f"new{next(fresh)}"})
        return found

    ids = [row["id"] for row in _read(Numbered("offers.list", size=size), answer)]
    assert len(ids) == len(set(ids))
    assert {f"old{n}" for n in range(begin)} <= set(ids)


def test_pages_are_asked_for_as_they_are_needed(client, integr8, double):
    objects = [{"id": str(n)} for n in range(250)]
    integr8.script = lambda seen: double.says(
        _numbered(objects, {name: int(seen.query[name][0]) for name in ("page[number]", "page[size]")})
    )
    listing = client.publishers.list()
    assert integr8.seen == []
    next(listing)
    assert len(integr8.seen) == 1
    assert len(list(listing)) == 249
    assert len(integr8.seen) == 3
    assert listing.total == 250
    assert listing.finished


def test_an_empty_report_page_may_be_null(client, integr8, double):
    for body in (
        {"data": None, "pagination": {}},
        {"data": []},
        {"data": {"data": None, "pageInfo": {"hasNextPage": False}}},
        {"data": {"pageInfo": {"hasNextPage": False, "startCursor": "", "endCursor": ""}}},
        {"data": {"data": [], "pageInfo": None}},
        {"data": {"data": None}},
        {"data": {"data": None, "pageInfo": dict.fromkeys(["startCursor", "endCursor", "hasNextPage"])}},
    ):
        integr8.will(double.says(body))
        assert list(client.reports.clicks(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": {}},
        {"data": {"data": [{"real_tx_id": "a"}]}},
        {"data": {"data": [{"real_tx_id": "a"}], "pageInfo": None}},
        {"data": {"data": [{"real_tx_id": "a"}], "pageInfo": {"hasNextPage": None}}},
        {"data": {"data": [None], "pageInfo": {"hasNextPage": False}}},
    ],
)
def test_a_report_page_of_which_nobody_knows_whether_it_is_the_last_is_malformed(make_client, integr8, double, body):
    integr8.script = lambda _seen: double.says(body)
    with pytest.raises(errors.Malformed):
        list(make_client().reports.clicks(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)))


def test_a_list_is_taken_up_at_its_cursor(client, integr8, double):
    objects = [{"id": str(n)} for n in range(5)]
    integr8.script = lambda seen: double.says(
        _numbered(objects, {name: int(seen.query[name][0]) for name in ("page[number]", "page[size]")})
    )
    listing = client.publishers.list(size=2)
    for _ in range(3):
        next(listing)
    assert listing.cursor == "2"  # the page in hand is not finished
    assert [row["id"] for row in client.publishers.list(size=2, start=listing.cursor)] == ["2", "3", "4"]


@pytest.mark.parametrize("shown", [0, 1, 4])
def test_a_list_that_holds_less_than_it_announces_is_an_error(shown):
    def answer(query):
        page = _numbered([{"id": n} for n in range(5)], query)
        return {**page, "data": page["data"] if query["page[number]"] * 2 <= shown else []}

    with pytest.raises(errors.Incomplete, match="announces 5 objects"):
        _read(Numbered("offers.list", size=2), answer)


def test_a_list_that_repeats_a_page_instead_of_another_is_an_error():
    objects = [{"id": n} for n in range(5)]
    with pytest.raises(errors.Incomplete):
        _read(Numbered("offers.list", size=2), lambda query: _numbered(objects, query) | {"data": objects[:2]})


def test_what_came_first_while_one_read_is_found_by_reading_once_more():
    objects = [{"id": n} for n in range(4)]

    def answer(query):
        page = _numbered(objects, query)
        if len(objects) == 4:
            objects.insert(0, {"id": "new"})
        return page

    assert {row["id"] for row in _read(Numbered("offers.list", size=2), answer)} == {0, 1, 2, 3, "new"}


@given(
    size=st.integers(1, 7),
    begin=st.integers(0, 30),
    changes=st.lists(st.integers(0, 40), max_size=6),
    grows=st.booleans(),
    to_the_end=st.booleans(),
)
def test_what_is_there_all_the_while_is_given_while_the_list_shrinks_or_grows(size, begin, changes, grows, to_the_end):
    objects = [{"id": n} for n in range(begin)]
    waiting = list(changes)

    def answer(query):
        page = _numbered(objects, query)
        if waiting:
            at = waiting.pop()
            if grows:
                objects.insert(at % (len(objects) + 1), {"id": f"new {at} {len(waiting)}"})
            elif objects:
                objects.pop(at % len(objects))
        if not waiting:
            changed.append(query["page[number]"])
        return page

    changed = []
    paging = Numbered("offers.list", size=size, to_the_end=to_the_end)
    try:
        rows = [row["id"] for row in _read(paging, answer)]
    except errors.Incomplete:
        return  # said, not passed over
    assert len(rows) == len(set(rows))
    if changed[:1] == [1] or not changes:  # the last change came before the second page: a second look is a calm one
        there = {one["id"] for one in objects if not str(one["id"]).startswith("new")}
        assert there <= set(rows)


def test_an_object_that_a_removal_pulls_to_the_page_before_is_found():
    objects = [{"id": n} for n in range(6)]

    def answer(query):
        page = _numbered(objects, query)
        if len(objects) == 6:
            objects.pop(0)
        return page

    assert {row["id"] for row in _read(Numbered("offers.list", size=3), answer)} >= {1, 2, 3, 4, 5}


@pytest.mark.parametrize("announced", [0, 1, 3])
@pytest.mark.parametrize("pages", [True, False])
def test_a_list_that_holds_more_than_it_announces_is_read_while_its_pages_are_full(announced, pages):
    objects = [{"id": n} for n in range(11)]

    def answer(query):
        meta = {"total_count": announced} | ({"total_page": 1} if pages else {})
        return {**_numbered(objects, query), "meta": meta}

    assert [row["id"] for row in _read(Numbered("offers.list", size=4), answer)] == list(range(11))


@pytest.mark.parametrize("meta", [{"total_count": 4, "total_page": 1}, {"total_count": 4}, {"total_page": 1}, {}])
def test_read_to_the_end_a_list_is_not_believed_that_a_full_page_is_the_last(meta):
    objects = [{"id": n} for n in range(8)]
    paging = Numbered("offers.list", size=4, to_the_end=True)
    found = _read(paging, lambda query: {**_numbered(objects, query), "meta": meta})
    assert [row["id"] for row in found] == list(range(8))


def test_read_to_the_end_a_server_that_knows_one_page_only_ends_too():
    objects = [{"id": n} for n in range(4)]
    paging = Numbered("offers.list", size=4, to_the_end=True)
    answer = {"data": objects, "meta": {"total_count": 4, "total_page": 1}}
    assert len(_read(paging, lambda _: answer)) == 4


# --- cursors ---------------------------------------------------------------------------------------


class Table:
    """Rows by falling id, as a report has them."""

    def __init__(self, count):
        self.ids = list(range(count))

    def answer(self, query):
        rows = sorted(self.ids, reverse=True)
        size, after, before = query["page[size]"], query.get("page[after]"), query.get("page[before]")
        assert after is None or before is None
        if before is not None:
            newer = [one for one in rows if one > int(before)]
            part, more = newer[-size:], len(newer) > size
            info = {"hasPreviousPage": more, "hasNextPage": True}
        else:
            older = rows if after is None else [one for one in rows if one < int(after)]
            part, more = older[:size], len(older) > size
            info = {"hasPreviousPage": after is not None, "hasNextPage": more}
        info |= {"startCursor": str(part[0]) if part else None, "endCursor": str(part[-1]) if part else None}
        return {"data": {"data": [{"real_tx_id": str(one)} for one in part], "pageInfo": info}}


@given(size=st.integers(1, 6), begin=st.integers(0, 25), arrivals=st.lists(st.integers(0, 5), max_size=15))
def test_rows_that_arrive_while_one_reads_change_nothing_below(size, begin, arrivals):
    table, coming = Table(begin), iter(arrivals)

    def answer(query):
        found = table.answer(query)
        top = len(table.ids)
        table.ids += range(top, top + next(coming, 0))
        return found

    ids = [int(row["real_tx_id"]) for row in _read(Cursor("reports.clicks", size=size), answer)]
    assert ids == list(range(begin - 1, -1, -1))


@given(size=st.integers(1, 6), begin=st.integers(1, 20), later=st.integers(0, 20))
def test_reading_upwards_finds_all_that_came_since(size, begin, later):
    table = Table(begin + later)
    paging = Cursor("reports.clicks", size=size, before=str(begin - 1))
    ids = [int(row["real_tx_id"]) for row in _read(paging, table.answer)]
    assert sorted(ids) == list(range(begin, begin + later))


@given(size=st.integers(1, 6), count=st.integers(1, 25), stop=st.integers(0, 30))
def test_a_report_that_broke_off_goes_on_without_a_gap(size, count, stop):
    table, paging = Table(count), Cursor("reports.clicks", size=size)
    seen, cursor = [], None
    for _ in range(stop):
        query = paging.query
        if query is None:
            break
        page = paging.take(table.answer(query))
        seen += page.rows
        cursor = page.cursor
    if paging.query is not None:
        seen += _read(Cursor("reports.clicks", size=size, after=cursor), table.answer)
    assert [int(row["real_tx_id"]) for row in seen] == list(range(count - 1, -1, -1))


def test_a_page_that_repeats_the_one_before_adds_nothing():
    table, paging, asked = Table(6), Cursor("reports.clicks", size=2), []

    def answer(query):
        asked.append(query)
        found = table.answer(query)
        if len(asked) == 2:  # the rows of the first page once more, with the right pageInfo
            found["data"]["data"] = table.answer({"page[size]": 2})["data"]["data"] + found["data"]["data"]
        return found

    assert [row["real_tx_id"] for row in _read(paging, answer)] == ["5", "4", "3", "2", "1", "0"]


def test_a_cursor_that_does_not_move_ends_it(client, integr8, double):
    stuck = {"data": {"data": [{"real_tx_id": "A"}],
                      "pageInfo": {"startCursor": "A", "endCursor": "A", "hasNextPage": True}}}  # fmt: skip
    integr8.script = lambda _: double.says(stuck)
    with pytest.raises(errors.Malformed, match="does not move"):
        _read(Cursor("reports.clicks"), lambda query: client.call("reports.clicks", query={
            "start_time": "2026-03-01 00:00:00", "end_time": "2026-03-02 00:00:00", **query}))  # fmt: skip
    assert len(integr8.seen) == 5


@given(size=st.integers(1, 4), count=st.integers(1, 20), repeats=st.sets(st.integers(0, 8), max_size=3))
def test_a_server_that_answers_with_the_first_page_again_is_asked_again(size, count, repeats):
    table, asked = Table(count), []

    def answer(query):
        asked.append(query)
        again = len(asked) - 1 in repeats
        return table.answer({"page[size]": size} if again else query)

    ids = [int(row["real_tx_id"]) for row in _read(Cursor("reports.clicks", size=size), answer)]
    assert ids == list(range(count - 1, -1, -1))


def test_several_conversions_of_one_transaction_are_all_given(client, integr8, double, now):
    rows = [{"real_tx_id": "A", "event": "sale"}, {"real_tx_id": "A", "event": "sale"}]
    info = {"startCursor": "A", "endCursor": "A", "hasNextPage": False, "hasPreviousPage": False}
    integr8.will(double.says({"data": {"data": rows, "pageInfo": info}}))
    assert len(list(client.reports.conversions(now, now))) == 2


def test_a_report_remembers_where_it_began_and_got_to(client, integr8, now):
    listing = client.reports.conversions(now, now)
    assert [row["status"] for row in listing] == ["Approved", "Pending"]
    assert listing.newest == "01HVMM5SAS879C0AQZ295VEVN9"
    assert listing.finished
