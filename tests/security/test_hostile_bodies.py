"""Bodies that were made to hurt: bombs, depths, halves, numbers without end."""

import gzip
import time
import zlib
from decimal import Decimal

import pytest

from bridge.sources import Unreadable
from tests.sources.signed_requests import request, source

OPEN = {"verify": "none"}


def unreadable(body, status, content_type="application/json", headers=(), **config):
    with pytest.raises(Unreadable) as caught:
        source(OPEN, **config).read(request(body, content_type, headers))
    assert caught.value.status == status
    return str(caught.value)


def test_a_body_beyond_the_limit_is_413():
    unreadable(b'"' + b"x" * 1_048_576 + b'"', 413)


def test_a_bomb_is_stopped_while_it_inflates():
    bomb = gzip.compress(b"[" + b"0," * 50_000_000 + b"0]", 9)
    began = time.process_time()
    unreadable(bomb[: 1_048_576 - 1] if len(bomb) > 1_048_576 else bomb, 413, headers=[("Content-Encoding", "gzip")])
    assert time.process_time() - began < 2


def test_a_bomb_within_a_bomb_stays_one():
    inner = gzip.compress(b"x" * 1_000_000)
    unreadable(gzip.compress(inner), 415, headers=[("Content-Encoding", "gzip, gzip")])


@pytest.mark.parametrize(
    "body",
    [
        b"not gzip",
        gzip.compress(b"{}", mtime=0)[:-4],
        gzip.compress(b"{}", mtime=0) + b"tail",
        zlib.compress(b"{}"),
        b"\x1f\x8b",
    ],
)
def test_broken_gzip_is_422(body):
    unreadable(body, 422, headers=[("Content-Encoding", "gzip")])


@pytest.mark.parametrize("body", [b"[" * 500_000, b'{"a":' * 100_000, b"[" * 33 + b"]" * 33, b'[{"a":' * 20 + b"1"])
def test_depth_is_refused_before_parsing(body):
    assert "nested deeper" in unreadable(body, 422)


def test_brackets_inside_a_text_are_no_depth():
    text = "[{" * 500 + '\\"' + "[" * 100
    assert source(OPEN).read(request(f'{{"a": "{text}"}}'.encode())).body["a"].startswith("[{")


def test_an_unclosed_text_full_of_backslashes_takes_no_time():
    began = time.process_time()
    unreadable(b'["' + b"\\" * 900_000 + b"[" * 50, 422)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "number", ["1e999999999", "-1E-999999999", "9" * 5000, "0." + "1" * 5000, "NaN", "Infinity", "-Infinity"]
)
def test_numbers_without_measure_are_missing_and_cost_nothing_else(number):
    parsed = source(OPEN).read(request(f'{{"a": [1, {{"n": {number}}}], "b": 2}}'.encode()))
    assert parsed.body == {"a": [1, {"n": None}], "b": 2}
    assert [str(one) for one in parsed.faults] == [f"body.a.1.n: {number[:20]!r} is not a number; treated as missing"]


@pytest.mark.parametrize(
    ("text", "kept"), [("Ann \\ud83d", "Ann \ufffd"), ("a\\u0000b", "a\ufffdb"), ("\\udc00", "\ufffd")]
)
def test_half_an_emoji_costs_its_text_a_character_and_nothing_else(text, kept):
    place = "had NUL or half a surrogate pair; kept with replacement characters"
    parsed = source(OPEN).read(request(f'{{"a": [{{"n": "{text}"}}], "b": "\\ud83d\\ude00"}}'.encode()))
    assert parsed.body == {"a": [{"n": kept}], "b": "\U0001f600"}
    assert [str(one) for one in parsed.faults] == [f"body.a.0.n: {place}"]
    first, second = source(OPEN).accept(request(f'[{{"n": "{text}"}}, {{"n": "x"}}]'.encode()))
    assert (first.parsed.body, second.parsed.body) == ({"n": kept}, {"n": "x"})
    assert [len(one.parsed.faults) for one in (first, second)] == [1, 0]
    assert source(OPEN).read(first.stored_request).body == first.parsed.body


@pytest.mark.parametrize("number", ["1e400", "NaN", "-Infinity", "1e99999999999999999999"])
def test_in_a_list_of_events_it_costs_its_own_event_one_value(number):
    accepted = source(OPEN).accept(request(f'[{{"n": {number}}}, {{"n": 3}}]'.encode()))
    assert [(one.parsed.body["n"], len(one.parsed.faults)) for one in accepted] == [(None, 1), (3, 0)]
    again = [source(OPEN).read(one.stored_request) for one in accepted]
    assert [(one.body["n"], len(one.faults)) for one in again] == [(None, 1), (3, 0)]


@pytest.mark.parametrize(
    "body",
    [
        b'{"\\ud800": 1}',
        b'{"\\udfff": 1}',
        b'{"\\u0000": 1}',
        b'{"a": "\x00"}',
        b"\xff\xfe{\x00}\x00",
        b'{"a": "\xc3\x28"}',
    ],
)
def test_texts_that_no_database_can_hold_are_refused(body):
    unreadable(body, 422)


def test_a_name_that_stands_twice_is_refused():
    assert "twice" in unreadable(b'{"amount": 1, "amount": 1000}', 422)


@pytest.mark.parametrize("body", [b"", b"   ", b"null", b"1", b'"x"', b"{", b'{"a": 1,}', b"{'a': 1}", b"{} {}"])
def test_what_is_no_json_object_or_list_is_422(body):
    unreadable(body, 422)


def test_a_fault_is_named_with_its_place():
    assert unreadable(b'{"a": 1,\n "b": oops}', 422).startswith("line 2 column 7: ")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-16", "application/json;charset=latin1"])
def test_another_character_set_is_415(kind):
    unreadable(b"{}", 415, kind)


@pytest.mark.parametrize("kind", ["multipart/mixed; boundary=x", "application/xml", "text/plain", "image/png", "x"])
def test_another_kind_of_body_is_415(kind):
    unreadable(b"<a/>", 415, kind)


def test_json_sent_as_a_form_gets_an_answer_of_its_own():
    assert "send Content-Type: application/json" in unreadable(b'{"a":1}', 415, "application/x-www-form-urlencoded")


def test_a_form_with_too_many_fields_is_refused():
    unreadable(b"&".join(b"a%d=1" % n for n in range(1_001)), 422, "application/x-www-form-urlencoded")


@pytest.mark.parametrize("body", [b"a=%ff", b"a=\xff", b"a=%00"])
def test_a_form_that_is_no_text_is_refused(body):
    unreadable(body, 422, "application/x-www-form-urlencoded")


def test_money_never_becomes_a_float():
    body = source(OPEN).read(request(b'{"a": 0.1, "b": 12345678901234567.89, "c": 3}')).body
    assert body == {"a": Decimal("0.1"), "b": Decimal("12345678901234567.89"), "c": 3}


def test_gzip_is_read_and_kept_inflated():
    made = source(OPEN)
    asked = request(gzip.compress(b'{"a": 1}'), headers=[("Content-Encoding", "gzip")])
    assert made.read(asked).body == {"a": 1}
    assert made.read(made.stored_request(asked)).body == {"a": 1}


@pytest.mark.parametrize(
    "value", ["{{ secret }}", "${CRM_SECRET}", "{% import os %}", "__import__('os')", "'; DROP TABLE x"]
)
def test_a_template_in_a_body_is_only_a_text(value):
    assert source(OPEN).read(request(f'{{"a": "{value}"}}'.encode())).body == {"a": value}


# --- tables ------------------------------------------------------------------------------------------


def csv(body, **config):
    return source(OPEN, format="csv", **config).accept(request(body, "text/csv"))


def test_each_row_is_an_event_that_reads_the_same_from_the_journal():
    taken = csv(b"email,name\na@b.example,Ann\nc@d.example,Cy\n")
    assert [one.parsed.body["name"] for one in taken] == ["Ann", "Cy"]
    assert len({one.parsed.dedupe_key for one in taken}) == 2
    again = source(OPEN, format="csv")
    assert [again.read(one.stored_request).body for one in taken] == [one.parsed.body for one in taken]


@pytest.mark.parametrize("body", [b"", b"a,b", b"a,a\n1,2", b"a,\n1,2", b"a,b\n1", b"a,b\n1,2,3", b'a\n"x', b"a\n\xff"])
def test_a_table_that_does_not_hold_together_is_422(body):
    with pytest.raises(Unreadable) as caught:
        csv(body)
    assert caught.value.status == 422


def test_one_bad_row_keeps_all_of_them_out_and_is_named():
    with pytest.raises(Unreadable, match="row 2, email: is a text of 4 characters; an e-mail address is expected"):
        csv(b"email\na@b.example\nnope\n", expects={"email": "email"})


def test_nothing_that_was_compressed_is_nothing():
    """Accepted by the endpoint, it would be unreadable when it comes back from the journal."""
    asked = request(gzip.compress(b""), headers=[("Content-Encoding", "gzip")])
    with pytest.raises(Unreadable, match="the request is empty"):
        source(OPEN).accept(asked)
