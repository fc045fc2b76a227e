"""`map:` gives fields of the sender our names, in whatever form they come."""

import pytest

from bridge.sources import Headers, Incoming
from tests.sources.signed_requests import request, source

OPEN = {"verify": "none"}


def body(raw, names, content_type="application/json", **more):
    return source({**OPEN, "map": names, **more}).read(request(raw, content_type)).body


def test_a_field_moves_and_leaves_nothing_behind():
    assert body(b'{"mail": "a@b.example", "x": 1}', {"email": "mail"}) == {"email": "a@b.example", "x": 1}


def test_a_field_may_come_out_of_the_depth_and_go_into_it():
    found = body(b'{"deal": {"who": {"mail": "a@b.example"}, "n": 1}}', {"contact.email": "deal.who.mail"})
    assert found == {"deal": {"who": {}, "n": 1}, "contact": {"email": "a@b.example"}}


def test_a_field_of_a_list_is_taken_by_its_number_and_stays_there():
    found = body(b'{"people": [{"mail": "a@b.example"}]}', {"email": "people.0.mail"})
    assert found["email"] == "a@b.example"
    assert len(found["people"]) == 1


def test_two_names_can_change_places():
    assert body(b'{"a": 1, "b": 2}', {"a": "b", "b": "a"}) == {"a": 2, "b": 1}


def test_what_is_not_there_is_not_invented():
    assert body(b'{"x": 1}', {"email": "mail"}) == {"x": 1}


def test_a_missing_field_of_theirs_leaves_ours_alone():
    assert body(b'{"email": "kept@b.example"}', {"email": "mail"}) == {"email": "kept@b.example"}


def test_ours_is_replaced_where_theirs_is_there():
    assert body(b'{"email": "old@b.example", "mail": "new@b.example"}', {"email": "mail"}) == {"email": "new@b.example"}


@pytest.mark.parametrize("falsy", ["0", "false", '""'])
def test_a_value_that_is_nothing_to_python_moves_too(falsy):
    assert "ours" in body(f'{{"theirs": {falsy}}}'.encode(), {"ours": "theirs"})


def test_numbers_stay_exact():
    assert str(body(b'{"v": 0.1000000000000000055}', {"value": "v"})["value"]) == "0.1000000000000000055"


def test_forms_are_renamed():
    kind = "application/x-www-form-urlencoded"
    assert body(b"mail=a%40b.example", {"email": "mail"}, kind) == {"email": "a@b.example"}


def test_queries_are_renamed():
    found = source({**OPEN, "format": "query", "map": {"email": "mail"}})
    assert found.read(Incoming(method="GET", query=(("mail", "a@b.example"),))).body == {"email": "a@b.example"}


def test_rows_of_a_csv_are_renamed_and_read_the_same_from_the_journal():
    many = source({**OPEN, "format": "csv", "map": {"email": "E-Mail"}, "expects": {"email": "email"}})
    asked = Incoming(body=b"E-Mail,Name\na@b.example,Ann\n", content_type="text/csv", headers=Headers())
    [taken] = many.accept(asked)
    assert taken.parsed.body == {"email": "a@b.example", "Name": "Ann"}
    assert many.read(taken.stored_request).body == taken.parsed.body


def test_postbacks_are_renamed_after_their_macros_are_read():
    found = source({**OPEN, "format": "integr8-postback", "map": {"campaign": "custom"}})
    asked = Incoming(method="GET", query=(("transaction_id", "T1"), ("offer_id", "7"), ("custom", "spring")))
    assert found.read(asked).body["campaign"] == "spring"


def test_ids_types_and_promises_go_by_our_names():
    crm = source(
        {
            **OPEN,
            "map": {"type": "kind", "id": "n"},
            "event_type": "type",
            "delivery_id": "id",
            "expects": {"id": "text"},
        }
    )
    reading = crm.read(request(b'{"kind": "deal", "n": 7}'))
    assert (reading.event_type, reading.dedupe_key, reading.body["id"]) == ("deal", "id:7", "7")


def test_the_body_that_was_sent_is_kept_as_it_came():
    crm = source({**OPEN, "map": {"email": "mail"}})
    asked = request(b'{"mail": "a@b.example"}')
    assert crm.stored_request(asked).body == asked.body
