"""Ids, types, times, renames and promises of ordinary senders."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bridge.sources import Unreadable, problems
from tests.sources.signed_requests import NOW, WAYS, request, signed, source

OPEN = {"verify": "none"}


def read(body=b"{}", config=OPEN, headers=(), query=(), content_type="application/json", **more):
    return source(config, **more).read(request(body, content_type, headers, query=query))


def test_the_sender_s_id_is_the_key():
    assert read(b'{"id": 7}', delivery_id="id").dedupe_key == "id:7"
    assert read(headers=[("X-Id", "7")], delivery_id="header:X-Id").dedupe_key == "id:7"
    assert read(headers=[("Idempotency-Key", "7")]).dedupe_key == "id:7"


def test_a_signed_id_goes_before_all_others():
    crm = source(delivery_id="id")
    asked = signed(asked=request(b'{"id": "other"}'), delivery="evt_9")
    assert crm.read(asked, crm.authenticate(asked, NOW)).dedupe_key == "id:evt_9"


def test_without_an_id_the_whole_request_is_the_key():
    assert read(b'{"a": 1}').dedupe_key == read(b'{"a": 1}').dedupe_key
    assert read(b'{"a": 1}').dedupe_key != read(b'{"a": 2}').dedupe_key
    assert read(b'{"a": 1}').dedupe_key != read(b'{"a": 1}', query=(("b", "1"),)).dedupe_key


def test_a_request_id_that_a_proxy_makes_is_no_delivery_id():
    assert read(headers=[("X-Request-Id", "1")]).dedupe_key == read(headers=[("X-Request-Id", "2")]).dedupe_key


def test_an_endless_id_is_shortened_without_losing_the_difference():
    one, other = (read(f'{{"id": "{"x" * 300}{n}"}}'.encode(), delivery_id="id") for n in (1, 2))
    assert len(one.dedupe_key) < 100
    assert len(other.dedupe_key) < 100


def test_presets_know_where_their_sender_puts_type_id_and_time():
    stripe = source(WAYS["stripe"])
    asked = signed(WAYS["stripe"], request(b'{"id": "evt_1", "type": "charge.failed", "created": 1772409600}'))
    reading = stripe.read(asked, stripe.authenticate(asked, NOW))
    assert (reading.event_type, reading.delivery_id) == ("charge.failed", "evt_1")
    assert reading.event_time == datetime(2026, 3, 2, tzinfo=UTC)


def test_a_list_can_be_asked_for_as_items():
    assert read(b"[1, 2]").body == {"items": [1, 2]}


def test_names_are_moved_to_ours():
    body = read(b'{"deal": {"mail": "a@b.example"}, "x": 1}', map={"contact.email": "deal.mail"}).body
    assert body == {"deal": {}, "x": 1, "contact": {"email": "a@b.example"}}


@pytest.mark.parametrize(
    ("kind", "given", "typed"),
    [
        ("integer", "42", 42),
        ("decimal", "12.50", Decimal("12.50")),
        ("boolean", "true", True),
        ("time", "2026-03-01", "2026-03-01T00:00:00+00:00"),
        ("country", "de", "DE"),
        ("text", "x", "x"),
    ],
)
def test_a_form_s_texts_become_what_was_promised(kind, given, typed):
    body = read(f"a={given}".encode(), content_type="application/x-www-form-urlencoded", expects={"a": kind}).body
    assert body == {"a": typed}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("integer", b'{"a": 1.5}'),
        ("integer", b'{"a": true}'),
        ("decimal", b'{"a": "1,9"}'),
        ("email", b'{"a": "x@y"}'),
        ("list", b'{"a": {}}'),
        ("text", b"{}"),
        (["yes", "no"], b'{"a": "maybe"}'),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place_and_without_its_value(kind, body):
    with pytest.raises(Unreadable, match=r"body\.a: is ") as caught:
        read(body, expects={"a": kind})
    assert caught.value.status == 422
    assert "maybe" not in str(caught.value)


def test_what_does_not_fit_may_be_set_aside_instead():
    reading = read(b'{"a": "x"}', expects={"a": "integer"}, on_mismatch="quarantine")
    assert reading.quarantine == "body.a: is a text of 1 character; a whole number is expected"
    assert reading.body == {"a": "x"}


def test_a_promise_with_a_question_mark_may_be_broken():
    assert read(b"{}", expects={"a": "integer?"}).body == {}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"verify": "tokn"}, "did you mean 'token'?"),
        ({"verify": "none", "formt": "json"}, "did you mean 'format'?"),
        ({"verify": "bearer"}, "needs token or tokens"),
        ({"verify": "bearer", "token": "x", "prefix": "a"}, "has no meaning with verify: bearer"),
        ({"verify": "standard-webhooks", "secret": "not base64!"}, "whsec_ followed by base64"),
        ({"verify": "none", "expects": {"a": "numer"}}, "is not a kind"),
        ({"verify": "none", "allow_ips": ["1.2.3"]}, "write 203.0.113.0/24"),
        ({"verify": "none", "max_body": "big"}, "write for example 65536"),
        ({"verify": "none", "timezone": "Mars/Base"}, "not an IANA time zone"),
        ({"verify": "hmac", "secret": "x", "header": "X", "tolerance": "soon"}, "not a duration"),
    ],
)
def test_a_mistake_in_the_settings_is_told_with_its_remedy(config, words):
    assert any(path.startswith("sources.crm") and words in text for path, text in problems("crm", config))


def test_the_old_name_of_a_setting_works_with_a_warning_and_not_beside_the_new_one():
    old = source(OPEN, misfits="quarantine", expects={"a": "integer"})
    assert old.on_mismatch == "quarantine"
    assert any("misfits is now called on_mismatch" in words for words in old.warnings)
    assert problems("crm", {**OPEN, "misfits": "refuse", "on_mismatch": "refuse"})


def test_an_id_that_is_not_signed_is_warned_about_and_can_be_shown_instead():
    github = {"verify": "hmac", "header": "X-Sig", "secret": "a-long-enough-secret"}
    assert any("shown_id" in words for words in source(github, delivery_id="header:X-Id").warnings)
    assert not source(github, shown_id="header:X-Id").warnings
    [event] = source(github, shown_id="header:X-Id").accept(request(headers=[("X-Id", "7")]))
    assert (event.parsed.delivery_id, event.parsed.dedupe_key[:7]) == ("7", "sha256:")
