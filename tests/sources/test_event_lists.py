"""One request with many events: each is an event of its own, and none is lost to its neighbours."""

import json
from datetime import UTC, datetime

import pytest

from bridge.sources import Unreadable
from bridge.sources.presets import PRESETS
from tests.sources.signed_requests import NOW, request, signed, source

OPEN = {"verify": "none"}


def accept(body, **more):
    return source(OPEN, **more).accept(request(json.dumps(body).encode()))


def keys(accepted):
    return [one.parsed.dedupe_key for one in accepted]


def test_each_event_of_a_list_has_its_own_type_and_id():
    accepted = accept([{"id": 1, "event": "open"}, {"id": 2, "event": "click"}], event_type="event", delivery_id="id")
    assert [(one.parsed.event_type, one.parsed.delivery_id) for one in accepted] == [("open", "1"), ("click", "2")]


def test_a_later_list_that_shares_an_event_keeps_its_other_one():
    first, later = (
        accept([{"id": "a"}, {"id": "b"}], delivery_id="id"),
        accept([{"id": "a"}, {"id": "c"}], delivery_id="id"),
    )
    assert keys(first) == ["id:a", "id:b"]
    assert keys(later) == ["id:a", "id:c"]


def test_without_ids_the_request_and_the_place_in_it_are_the_key():
    assert len(set(keys(accept([{"x": 1}, {"x": 1}])))) == 2
    assert keys(accept([{"x": 1}, {"x": 2}])) == keys(accept([{"x": 1}, {"x": 2}]))


def test_a_signed_id_of_the_request_is_shared_with_a_number():
    crm, asked = source(), signed(asked=request(b'[{"a": 1}, {"a": 2}]'), delivery="evt_1")
    assert keys(crm.accept(asked, crm.authenticate(asked, NOW))) == ["id:evt_1#1", "id:evt_1#2"]


def test_a_list_inside_an_object_is_split_where_the_source_says_so():
    body = {
        "object": "page",
        "entry": [{"id": 7, "changes": [{"field": "a"}, {"field": "b"}]}, {"id": 8, "changes": []}],
    }
    bodies = [one.parsed.body for one in accept(body, split="entry.changes")]
    assert bodies[0] == {"object": "page", "entry": {"id": 7, "changes": {"field": "a"}}}
    assert [one["entry"]["id"] for one in bodies] == [7, 7, 8]


@pytest.mark.parametrize(("outer", "split"), [(lambda one: one, "auto"), (lambda one: {"events": [one]}, "events")])
def test_members_that_are_no_objects_cost_their_neighbours_nothing(outer, split):
    accepted = accept([outer({"id": 1}), 5, None, outer({"id": 2}), "x"], split=split)
    assert [one.parsed.body for one in accepted][-1] == {"items": [5, None, "x"]}
    assert len(set(keys(accepted))) == len(accepted) == 3
    [again] = source(OPEN, split=split).accept(accepted[-1].stored_request)
    assert again.parsed.body == {"items": [5, None, "x"]}


@pytest.mark.parametrize(
    ("body", "split"),
    [
        (["order", {"id": 1}], "auto"),
        ([1, 2], "auto"),
        ([], "auto"),
        ([{"a": 1}], "never"),
        ({"a": 1}, "entry"),
        ({"a": [{}]}, "auto"),
    ],
)
def test_what_is_no_list_of_events_is_one_event(body, split):
    assert len(accept(body, split=split)) == 1


def test_an_event_of_a_list_reads_back_from_the_journal():
    many = source(OPEN, split="events", event_type="events.type")
    for one in many.accept(request(b'{"events": [{"type": "a", "n": 1.10}, {"type": "b"}], "to": "x"}')):
        again = many.read(one.stored_request)
        assert (again.body, again.event_type) == (one.parsed.body, one.parsed.event_type)


def test_all_events_fit_or_none_is_accepted():
    with pytest.raises(Unreadable, match=r"event 2, body\.id"):
        accept([{"id": 1}, {"id": "x"}], expects={"id": "integer"})
    mixed = accept([{"id": 1}, {"id": "x"}], expects={"id": "integer"}, on_mismatch="quarantine")
    assert [one.parsed.quarantine is None for one in mixed] == [True, False]


def test_a_setting_from_before_lists_were_split_finds_the_same():
    assert keys(accept([{"id": "a"}, {"id": "b"}], delivery_id="items.0.id")) == ["id:a", "id:b"]


def test_too_many_events_are_refused_and_not_cut():
    with pytest.raises(Unreadable, match="more than 10000 events"):
        accept([{}] * 10_001)


def test_ids_that_are_only_unique_together_are_joined():
    together = {"delivery_id": "subscriptionId + eventId"}
    accepted = accept([{"eventId": 1, "subscriptionId": 1}, {"eventId": 1, "subscriptionId": 2}], **together)
    assert keys(accepted) == ["id:1|1", "id:2|1"]
    assert keys(accept([{"eventId": 1}], **together)) != keys(accept([{"eventId": 1, "x": 2}], **together))


def test_an_id_in_the_request_s_header_does_not_stand_for_each_event_of_its_list():
    many = source(OPEN, delivery_id="header:X-Id or id")
    asked = request(b'[{"id": "a"}, {"n": 1}]', headers=[("X-Id", "r1")])
    assert keys(many.accept(asked)) == ["id:a", "id:r1#2"]


@pytest.mark.parametrize("place", ["deal_id", "deal.id"])
def test_ids_from_2_to_the_53_on_stay_apart(place):
    one, other = (f'{{"deal_id": {n}, "deal": {{"id": {n}}}}}'.encode() for n in (2**54 + 1, 2**54 + 2))
    numbered = source(OPEN, delivery_id=place)
    assert numbered.read(request(one)).dedupe_key != numbered.read(request(other)).dedupe_key


# A list of two as each sender shows it in its pages (`fact` of its preset), cut to what tells events apart.
LISTS = {
    "gocardless": '{"events": [{"id": "EV1", "action": "paid"}, {"id": "EV2", "action": "failed"}]}',
    "xero": '{"events": [{"eventType": "CREATE", "resourceId": "a"}, {"eventType": "UPDATE", "resourceId": "b"}]}',
    "klaviyo": '{"data": [{"topic": "event:x", "external_id": "1"}, {"topic": "event:y", "external_id": "2"}]}',
    "line": '{"events": [{"type": "follow", "webhookEventId": "1"}, {"type": "message", "webhookEventId": "2"}]}',
    "pusher": '{"time_ms": 1772452800000, "events": [{"name": "a", "channel": "c"}, {"name": "b", "channel": "c"}]}',
    "meta": '{"entry": [{"id": "1", "time": 1772452800, "changes": [{"field": "leadgen"}, {"field": "feed"}]}]}',
    "asana": '{"events": [{"action": "added", "created_at": "2026-03-02T12:00:00Z"}, {"action": "removed"}]}',
    "linkedin": '{"type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS", "notifications": '
    '[{"notificationId": 1, "action": "LIKE", "lastModifiedAt": 1772452800000}, {"notificationId": 2}]}',
    "mailerlite": '{"events": [{"type": "subscriber.create", "data": {}}, {"type": "subscriber.update", "data": {}}]}',
    "microsoft-graph": '{"value": [{"changeType": "updated", "resource": "a"}, {"changeType": "created"}]}',
    "event-grid": '[{"id": "1", "eventType": "a"}, {"id": "2", "eventType": "b"}]',
    "hubspot": '[{"eventId": 1, "subscriptionId": 1}, {"eventId": 2, "subscriptionId": 1}]',
    "sendgrid": '[{"event": "open", "sg_event_id": "1"}, {"event": "click", "sg_event_id": "2"}]',
}
PLACES = ("split", "event_type", "delivery_id", "event_time")


@pytest.mark.parametrize("name", LISTS)
def test_what_a_known_sender_sends_together_are_events_of_their_own(name):
    settings = {key: value for key, value in PRESETS[name].settings.items() if key in PLACES}
    found = source(OPEN, **settings).accept(request(LISTS[name].encode()))
    assert len(set(keys(found))) == 2
    assert all(one.parsed.event_type or name == "hubspot" for one in found)
    assert not any(one.parsed.faults for one in found)


def test_a_lead_of_linkedin_is_one_event():
    settings = {key: value for key, value in PRESETS["linkedin"].settings.items() if key in PLACES}
    lead = b'{"type": "LEAD_ACTION", "leadAction": "CREATED", "occurredAt": 1772452800000}'
    [one] = source(OPEN, **settings).accept(request(lead))
    assert (one.parsed.event_type, one.parsed.event_time) == ("LEAD_ACTION", datetime(2026, 3, 2, 12, tzinfo=UTC))
