"""Integr8's postbacks, in every spelling, whole or full of holes."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import pytest

from bridge.sources import observation, parse_pairs, suggested_url
from bridge.sources.postback import PARAMETER_SPELLINGS
from tests.sources.signed_requests import request, source

CONFIG = {"verify": "none", "format": "integr8-postback"}


def read(**query):
    return source(CONFIG).read(request(b"", "", method="GET", query=tuple(query.items())))


@pytest.mark.parametrize(
    ("name", "spelling"), [(ours, one) for ours, others in PARAMETER_SPELLINGS.items() for one in (ours, *others)]
)
def test_every_spelling_means_the_same(name, spelling):
    value = "2026-03-01 10:00:00" if name.endswith(("_time", "date_time")) and name != "session_time" else "7"
    value = "1767225600" if name == "unix_time" else "click" if name == "type" else value
    assert name in read(**{spelling: value}).body


@pytest.mark.parametrize("value", ["", " ", "{payout}", "{x}", "{}"])
def test_an_unreplaced_macro_is_missing(value):
    assert "payout" not in read(tx="t1", payout=value).body


MACROS = (
    "((clickid))",
    "%(clickid)s",
    *("{transaction-id}", "{click id}", "{{transaction_id}}", "[clickid]", "[[clickid]]", "${clickid}", "#clickid#"),
    *("%7Bclickid%7D", "{sub_{id}}", "(clickid)", "[CLICK_ID]", "{a||b}", "{status:lead=a,b}", "%CLICKID%", "__CID__"),
    *("%s", "%d", "%1$s", "$$click.id$$", "$$clickid"),
    *("@clickid@", "%%CLICK_ID%%", "*|CLICK_ID|*", "$click_id", ":click_id", "%25%25CLICK_ID%25%25"),
    *("|clickid|", "~clickid~", "!clickid!", ":clickid:", "^clickid^", "=clickid=", "&#123;clickid&#125;", "__cid__"),
    *("@@clickid@@", "##click id##", "||CLICKID||", "::clickid::", "%40%40clickid%40%40", "@@@cid@@@"),
    *("\uff5bclickid\uff5d", "&lt;clickid&gt;", "[object Object]", "<%= id %>", "{% id %}", "{!Lead.Id}"),
    *("$(clickid)", "«clickid»"),
)


@pytest.mark.parametrize("macro", MACROS)
def test_a_macro_of_any_tracker_is_no_value_and_two_conversions_stay_two(macro):
    first, second = (read(type="conversion", tx=macro, sub=macro, offer="1", payout=money) for money in ("5", "6"))
    assert "no transaction id" in first.quarantine
    assert first.dedupe_key != second.dedupe_key
    assert "sub_id" not in first.body
    assert {fault.place for fault in first.faults} == {"body.transaction_id", "body.sub_id"}


NO_IDS = (
    *("null", "undefined", "pre-{transaction_id}", "x[clickid]", "{clickid", "clickid}", "@clickid", "&clickid"),
    *("00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-000000000000}"),
    *("click_id", "TRANSACTION_ID", "REPLACE_ME", "-", "--", "0", "?", "Click ID", "transaction-id", "offer.id"),
)


@pytest.mark.parametrize("text", NO_IDS)
def test_what_would_give_many_conversions_one_id_is_no_id(text):
    assert "no transaction id" in read(tx=text).quarantine


@pytest.mark.parametrize(
    "text",
    [
        "_aGVsbG8_",
        "-x-",
        "+aGVsbG8+",
        "/aGVsbG8/",
        "a=b",
        "aGVsbG8=",
        "102:7",
        "7",
        "0x1f",
        "{3F2504E0-4F89-11D3-9A0C-0305E82C3301}",
    ],
)
def test_an_id_with_signs_stays_an_id(text):
    assert read(tx=text).body["transaction_id"] == text


SIGNS_IN_TEXT = (
    "a(b)",
    "50%",
    "#1",
    "@ann",
    "a@b.c",
    "ann@",
    "$5",
    "a:b",
    "10:30",
    "* new *",
    "{",
    "x_y-z",
    '{"a": 1}',
)


@pytest.mark.parametrize("text", SIGNS_IN_TEXT)
def test_free_text_with_signs_of_macros_stays(text):
    assert read(tx="t1", sub=text).body["sub_id"] == text


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0", "0"), ("1e+06", "1000000"), ("1e 06", "1000000"), ("1e-05", "0.00001"), (".5", "0.5"), ("150.", "150")],
)
def test_a_payout_is_read_as_programs_print_it(text, amount):
    assert read(tx="t1", payout=text).body["payout"] == Decimal(amount)


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+01:00", "1970-01-01 00:00:00"])
def test_a_time_that_nobody_means_is_missing_and_noted(time):
    reading = read(tx="t1", ct=time)
    assert (reading.event_time, reading.faults[0].place) == (None, "body.conversion_time")


@pytest.mark.parametrize("raw", [b"%EA%E0%EC", b"Caf%E9", b"%D0%BA%D0", b"abc%00def", b"\xd0\xba"])
def test_bytes_of_another_encoding_cost_one_value_and_not_the_conversion(raw):
    query = parse_pairs(b"type=conversion&tx=A3&payout=1.50&sub=" + raw, what="query", any_bytes=True)
    [accepted] = source(CONFIG).accept(request(b"", "", method="GET", query=query))
    body = accepted.parsed.body
    assert (body["transaction_id"], body["payout"], accepted.parsed.quarantine) == ("A3", Decimal("1.50"), None)
    json.dumps(accepted.stored_request.query, ensure_ascii=False).encode()
    assert source(CONFIG).read(accepted.stored_request).body == body


@pytest.mark.parametrize("query", [b"tx=%s", b"tx=1&type=event&event_id=Caf%s", b"tx=1&status=%s", b"tx=t%s"])
def test_two_that_only_differ_in_foreign_bytes_stay_two_events(query):
    one, other = (
        source(CONFIG).read(request(b"", "", query=parse_pairs(query % raw, what="query", any_bytes=True)))
        for raw in (b"%EA", b"%EB")
    )
    assert one.dedupe_key != other.dedupe_key
    assert "not UTF-8" in one.faults[0].words


@pytest.mark.parametrize(("kind", "body"), [("text/xml", b"<a/>"), ("application/json", b"{")])
def test_a_body_that_cannot_be_read_does_not_cost_the_query(kind, body):
    [accepted] = source(CONFIG).accept(request(body, kind, query=(("tx", "t1"),)))
    assert accepted.parsed.body["transaction_id"] == "t1"
    assert accepted.parsed.faults[0].place == "body"


def test_a_body_that_is_not_compressed_as_it_says_reads_the_same_when_it_comes_back_from_the_journal():
    asked = request(b'{"payout": "9"}', query=(("tx", "t1"),), headers=(("content-encoding", "gzip"),))
    [accepted] = source(CONFIG).accept(asked)
    assert "payout" not in accepted.parsed.body
    assert source(CONFIG).read(accepted.stored_request).body == accepted.parsed.body


def test_other_names_are_moved_before_the_transaction_is_looked_for():
    assert read_with({"transaction_id": "my_click"}, my_click="t1").quarantine is None
    assert read_with({"deal": "tx"}, tx="t1").body["transaction_id"] == "t1"


def read_with(names, **query):
    return source(CONFIG, map=names).read(request(b"", "", method="GET", query=tuple(query.items())))


def test_money_and_times_are_typed():
    reading = read(tx="t1", payout="1.50", ct="2026-03-01 12:00:00", ccy="eur", status="Approved")
    assert reading.body["payout"] == Decimal("1.50")
    assert reading.body["conversion_time"] == "2026-03-01T12:00:00+00:00"
    assert reading.event_time == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert (reading.body["currency"], reading.body["status"]) == ("EUR", "approved")


@pytest.mark.parametrize("amount", ["abc", "1e99", "NaN", "1,5", "$1.50", "1.5.0", "9" * 30])
def test_an_amount_that_is_none_is_missing_and_noted_because_it_never_comes_again(amount):
    reading = read(tx="t1", payout=amount)
    assert "payout" not in reading.body
    assert reading.faults[0].place == "body.payout"
    assert reading.quarantine is None


def test_without_a_transaction_it_is_set_aside_not_refused():
    assert "no transaction id" in read(payout="1").quarantine


def test_a_later_rejection_is_another_event():
    first, later = (
        read(tx="t", status="approved", type="conversion"),
        read(tx="t", status="rejected", type="conversion"),
    )
    assert first.dedupe_key != later.dedupe_key


def test_the_same_postback_twice_is_one_event_in_any_spelling():
    one = read(tx="t", status="Approved", type="conversion", conversion_time="2026-03-01 12:00:00")
    other = read(transaction_id="t", status="approved", type="conversion", ct="2026-03-01T12:00:00Z")
    assert one.dedupe_key == other.dedupe_key


def test_the_key_cannot_be_forged_by_its_separator():
    assert read(tx="a|b", type="event").dedupe_key != read(tx="a", event_id="b", type="event").dedupe_key


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ({"payout": "1"}, "conversion"),
        ({"event_id": "3"}, "event"),
        ({"sub": "x"}, "click"),
        ({"type": "impression"}, "impression"),
    ],
)
def test_the_kind_is_found_where_it_is_not_said(query, kind):
    assert read(tx="t", **query).event_type == kind


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/json", b'{"tx": "t1", "payout": 1.5}'), ("application/x-www-form-urlencoded", b"tx=t1&payout=1.5")],
)
def test_the_advanced_settings_may_send_a_body(method, kind, body):
    reading = source(CONFIG).read(request(body, kind, method=method, query=(("type", "conversion"),)))
    assert (reading.body["transaction_id"], reading.body["payout"]) == ("t1", Decimal("1.5"))


def test_both_spellings_of_an_offer_can_be_asked_for():
    body = read(tx="t", offer="42", pub="7").body
    assert (body["offer"], body["offer_id"], body["publisher"], body["publisher_id"]) == ("42", "42", "7", "7")


@pytest.mark.parametrize("kind", ["conversion", "event", "click"])
def test_the_suggested_address_reads_back(kind):
    url = suggested_url("https://bridge.example.com/", "postback", "to/ken", kind)
    assert urlsplit(url).path == "/hooks/postback/to%2Fken"
    values = {name: "1" for name, _ in parse_qsl(urlsplit(url).query)} | {
        "type": kind,
        "ct": "2026-03-01",
        "clk": "2026-03-01",
    }
    reading = read(**values)
    assert (reading.event_type, reading.faults[:0], reading.quarantine) == (kind, (), None)


def test_the_data_room_gets_neutral_facts():
    facts = observation(
        read(type="conversion", tx="t", sub="a", sub_id2="b", payout="2", offer="42", ct="2026-03-01T00:00:00Z")
    )
    assert (facts.kind, facts.offer, facts.payout) == ("conversion", "42", Decimal(2))
    assert facts.sub_ids == {"sub_id": "a", "sub_id_2": "b"}


def test_a_local_time_is_read_in_the_zone_of_the_source():
    reading = source(CONFIG, timezone="Europe/Berlin").read(
        request(b"", "", method="GET", query=(("tx", "t"), ("ct", "2026-03-01 12:00:00")))
    )
    assert reading.event_time == datetime(2026, 3, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize("name", ["status", "transaction_id", "payout", "conversion_time", "type", "offer_id"])
def test_a_parameter_that_comes_twice_has_its_first_value_and_a_fault(name):
    values = {"payout": ("1.50", "9.99"), "conversion_time": ("2026-03-01 12:00:00", "2026-03-02 12:00:00")}
    first, second = values.get(name, ("click", "event"))
    query = (("tx", "t1"), (name, first), (name, second)) if name != "transaction_id" else ((name, "a"), (name, "b"))
    reading = source(CONFIG).read(request(b"", "", method="GET", query=query))
    assert any("different values; the first one is kept" in fault.words for fault in reading.faults)
    assert observation(reading) is not None


@pytest.mark.parametrize("value", ["[]", "{}", '{"a": 1}', "[[1]]"])
def test_what_is_no_single_value_is_missing(value):
    body = f'{{"transaction_id": "t1", "status": {value}, "payout": {value}}}'.encode()
    reading = source(CONFIG).read(request(body))
    assert "status" not in reading.body
    assert len(reading.faults) == 2


@pytest.mark.parametrize("name", ["\x00", "a\x00b", "a\udcff"])
def test_a_name_with_odd_signs_reads_the_same_when_it_comes_back_from_the_journal(name):
    made = source(CONFIG)
    [accepted] = made.accept(request(b"", "", method="GET", query=(("tx", "t1"), (name, "1"))))
    assert made.read(accepted.stored_request).body == accepted.parsed.body
