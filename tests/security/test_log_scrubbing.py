"""What logs and Sentry show of a text that holds an address or a credential."""

import time
from datetime import UTC, datetime

import pytest

from bridge.observability.log_scrubbing import scrub, scrub_text

SECRETS = {
    "mail to jörg@müller.example failed": "müller",
    "用户@例え.テスト is taken": "用户",
    'no mailbox for "john doe"@example.com': "john doe",
    'first."quoted"@example.com': "quoted",
    "anna@[192.0.2.7] is refused": "anna",
    "?mail=anna%40example.com": "anna",
    "Anna.O'Neil@example.co.uk": "Neil",
    "Authorization: Bearer abcdefghijk": "abcdefghijk",
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
    "sqlite:///var/bridge.db", "basic authentication failed", "http://127.0.0.1:8000/readyz",
)  # fmt: skip


@pytest.mark.parametrize(("text", "secret"), SECRETS.items())
def test_a_secret_in_a_text_is_gone(text, secret):
    assert secret not in scrub_text(text)
    assert secret not in str(scrub({"error": [text]}))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_is_left_as_it_is(text):
    assert scrub_text(text) == text


@pytest.mark.parametrize("text", ["a" * 40_000 + "@", "a'" * 20_000 + "@", '"a' * 20_000 + "@", "://" + "u:" * 20_000])
def test_a_long_text_costs_no_more_than_its_length(text):
    before = time.process_time()
    scrub_text(text)
    assert time.process_time() - before < 2


def test_a_moment_is_written_as_people_read_it():
    assert scrub({"as_of": datetime(2026, 11, 30, 9, 10, 49, 5, tzinfo=UTC)}) == {"as_of": "2026-11-30 09:10:49+00:00"}
