"""What logs and Sentry show of a text that holds an address or a credential."""

import time
from datetime import UTC, datetime

import pytest

from bridge.observability.log_scrubbing import scrub, scrub_text
from bridge.observability.sentry import before_send

SECRETS = {
    "mail to jörg@müller.example failed": "müller",
    "用户@例え.テスト is taken": "用户",
    'no mailbox for "john doe"@example.com': "john doe",
    'first."quoted"@example.com': "quoted",
    "anna@[192.0.2.7] is refused": "anna",
    "?mail=anna%40example.com": "anna",
    "Anna.O'Neil@example.co.uk": "Neil",
    "Write to anna@example.com.": "anna",
    "मेल@उदाहरण.भारत": "मेल",
    '"anna@home"@example.com': "anna",
    "anna@[IPv6:2001:db8::1]": "anna",
    "anna%2540example.com": "anna",
    "anna\uff20example.com": "anna",
    "anna@例え。jp": "anna",
    "Authorization: Bearer abcdefghijk": "abcdefghijk",
    "Bearer\tabcdefghijk": "abcdefghijk",
    "next=%2Fx%3Fh%3DBearer%20abcdefghijk": "abcdefghijk",
    'Authorization: Digest username="anna", response="0123abcd"': "0123abcd",
    "X-Gitlab-Token: abcd1234": "abcd1234",
    "webhook-signature: v1,abcd1234=": "abcd1234",
    '{"api_key": "abcd1234"}': "abcd1234",
    "host=db password=abcd1234 dbname=x": "abcd1234",
    "https://x.webhook.office.com/webhookb2/a@b/IncomingWebhook/abcd1234/d": "abcd1234",
    "GET /hooks/postback/ab/cd1234/ef": "cd1234",
    "next=%2Fhooks%2Fpostback%2Fabcd1234&x": "abcd1234",
    "{'Authorization': 'Bearer abc.def-ghi'}": "abc.def-ghi",
    "sent Bearer eyJhbGciOi.J9 to it": "eyJhbGciOi",
    "sent Basic dXNlcjpwYXNz": "dXNlcjpwYXNz",
    "postgresql+psycopg://bridge:p4ss@db/bridge": "p4ss",
    "redis://:s3cret@host:6379/0": "s3cret",
    "https://u:p4/ss@host.example/x": "p4/ss",
    "https://token@host.example/x": "token",
    "tgram://1234:abcdef/55": "abcdef",
    "https://hooks.slack.com/services/T0/B0/XXXX": "XXXX",
    "https://api.telegram.org/bot123:ABC-d/sendMessage": "ABC-d",
    "GET /x?access_token=abc1&b=1": "abc1",
    "ib_0123456789ab_abcdefghijklmnop": "abcdefghijklmnop",
    "cookie: bridge=abc1; x=1": "abc1",
}
HARMLESS = (
    "rules/a.yaml:3:4: unknown key", "cr < 1% @95% of the cases at 12:30", "see https://docs.example/x/y?a=b#c",
    "accounts.main.api_key: write ${NAME}", "a token: none was given", "{'source': 'crm', 'type': 'a'}",
    "sqlite:///var/bridge.db", "basic authentication failed", "http://127.0.0.1:8000/readyz",
)  # fmt: skip


@pytest.mark.parametrize(("text", "secret"), SECRETS.items())
def test_a_secret_in_a_text_is_gone(text, secret):
    assert secret not in scrub_text(text)
    assert secret not in str(scrub({"error": [text]}))


def test_no_part_of_a_report_to_sentry_keeps_a_secret():
    text = "/hooks/postback/abcd1234?mail=anna@example.com"
    told = before_send(
        {
            "message": text,
            "logentry": {"message": text, "params": [text]},
            "transaction": text,
            "tags": {"rule": text, "other": text},
            "contexts": {"trace": {"description": text, "op": "http"}, "other": {"text": text}},
            "request": {"url": "https://bridge.example" + text, "query_string": text, "data": text},
            "exception": {"values": [{"type": "ValueError", "value": text}]},
            "user": {"email": text},
            "extra": {"text": text},
        },
        {},
    )
    assert told["contexts"]["trace"]["op"] == "http"
    assert "abcd1234" not in str(told)
    assert "anna" not in str(told)


@pytest.mark.parametrize("text", ["{'mail': 'anna@example.com'}", '{"mail":"anna@example.com"}', "anna@example.com."])
def test_one_address_has_one_name_wherever_it_stands(text):
    assert scrub_text("anna@example.com") in scrub_text(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_is_left_as_it_is(text):
    assert scrub_text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "a" * 40_000 + "@",
        "a'" * 20_000 + "@",
        '"a' * 20_000 + "@",
        "://" + "u:" * 20_000,
        "a-" * 20_000 + ":",
        "a@" + "a." * 20_000,
        "secret" * 7_000 + ":",
        "%2Fhooks%2F" * 4_000,
        "x-" * 20_000 + "=@",
    ],
)
def test_a_long_text_costs_no_more_than_its_length(text):
    before = time.process_time()
    scrub_text(text)
    assert time.process_time() - before < 2


def test_a_moment_is_written_as_people_read_it():
    assert scrub({"as_of": datetime(2026, 11, 30, 9, 10, 49, 5, tzinfo=UTC)}) == {"as_of": "2026-11-30 09:10:49+00:00"}
