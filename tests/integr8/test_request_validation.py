"""A call that cannot work never leaves."""

from datetime import UTC, datetime

import pytest

from bridge.integr8 import InvalidCall

START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)

MISTAKES = {
    "a field that does not exist": (lambda c: c.offers.create(name="n", advertiser_id=1, nmae="x"), "nmae"),
    "a required field that is missing": (lambda c: c.offers.create(name="n"), "advertiser_id"),
    "a required field that is empty": (lambda c: c.publishers.create(name=""), "name"),
    "a text for a number": (lambda c: c.offers.create(name="n", advertiser_id="seven"), "advertiser_id"),
    "a number for a text": (lambda c: c.publishers.create(name="n", phone=49), "phone"),
    "a one for a boolean": (lambda c: c.publishers.create(name="n", active=1), "active"),
    "a word outside the set": (lambda c: c.offers.update(1, visibility="public"), "visibility"),
    "an infinite amount": (lambda c: c.offer_events.create(1, name="n", payout=float("inf")), "payout"),
    "an update of nothing": (lambda c: c.publishers.update(1), "no field"),
    "no id at all": (lambda c: c.publishers.get(""), "publisherID"),
    "a page that is too large": (lambda c: list(c.offers.list(size=101)), "page[size]"),
    "an operator nobody knows": (lambda c: list(c.offers.list(filter={"a": {"b.c[like]": 1}})), "filter"),
    "a sort that is none": (lambda c: list(c.offers.list(sort="name desc")), "sort"),
    "a sorted report": (lambda c: c.reports.clicks(START, END, sort="-payout"), "sorted"),
    "both cursors": (lambda c: c.reports.clicks(START, END, after="A", before="B"), "page[before]"),
    "a span that ends before it begins": (lambda c: c.reports.clicks(END, START), "end_time"),
    "a time without a zone": (lambda c: c.reports.clicks(datetime(2026, 3, 1), END), "start_time"),  # noqa: DTZ001
    "an operator behind a dot": (lambda c: list(c.offers.list(filter={"id.ne": 2})), "unknown operator 'ne'"),
    "a known operator behind a dot": (lambda c: list(c.offers.list(filter={"id.gte": 2})), "filter[id][gte]"),
    "a filter of no value": (lambda c: list(c.offers.list(filter={"id": None})), "everything would be chosen"),
    "a filter of no values": (lambda c: list(c.offers.list(filter={"id": []})), "everything would be chosen"),
    "a filter of no condition": (lambda c: list(c.offers.list(filter={"id": {}})), "everything would be"),
    "a filter within an operator": (lambda c: list(c.offers.list(filter={"id": {"eq": {"a": 1}}})), "one value"),
    "a filter that is a text": (lambda c: list(c.offers.list(filter="active")), "is not a parameter of a list"),
    "a report's filter of no value": (lambda c: c.reports.clicks(START, END, filter={"offer_id": None}), "no value"),
    "a status the filter does not know": (
        lambda c: c.reports.clicks(START, END, filter={"status": "Pending"}), "filter[status]"),
    "a filter no report has": (lambda c: c.reports.clicks(START, END, filter={"country": "DE"}), "filter[country]"),
    "columns as one text": (lambda c: c.downloads.clicks(START, END, fields="payout"), "list"),
    "an export without columns": (lambda c: c.downloads.clicks(START, END, fields=[]), "fields"),
    "a bulk call with an empty id": (lambda c: c.offers.set_status(["1", ""], active=True), "data"),
    "an operation that does not exist": (lambda c: c.call("offers.pause"), "no such operation"),
    "a query where there is none": (
        lambda c: c.call("users.get", path={"userID": 1}, query={"fields": "id"}), "fields"),
    "a body where there is none": (lambda c: c.call("users.get", path={"userID": 1}, body={}), "no body"),
    "a path parameter too many": (lambda c: c.call("users.get", path={"userID": 1, "offerID": 2}), "offerID"),
    "a key that is not given": (lambda c: c.publishers.ensure(name="n"), "email"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_nothing_is_sent_for(client, integr8, mistake):
    call, named = MISTAKES[mistake]
    with pytest.raises(InvalidCall) as caught:
        call(client)
    assert named in str(caught.value)
    assert integr8.seen == []


def test_every_problem_is_named_at_once(client):
    with pytest.raises(InvalidCall) as caught:
        client.users.create(email="", role="boss", shoe_size=44)
    assert set(caught.value.problems) == {"email", "role", "shoe_size", "password"}


def test_a_refusal_does_not_repeat_a_password(client):
    with pytest.raises(InvalidCall) as caught:
        client.users.create(email="a@b.example", role="boss", password="hunter2hunter2")
    assert "hunter2" not in str(caught.value) + repr(caught.value)


def test_a_call_for_no_targets_is_no_call(client, integr8):
    assert client.offers.set_status([], active=False) == ()
    assert integr8.seen == []
