"""Each known sender, with a signature that its own library made or accepts, or that it publishes.

`tests/samples/senders/signed-by-their-libraries.json` says for each which library, in which version.
"""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.sources import Headers, Incoming, SignatureError, build
from bridge.sources.authentication import Authenticated
from bridge.sources.presets import PRESETS
from bridge.sources.setup_calls import SETUP_CALL_KINDS

SAMPLES = Path(__file__).parent.parent / "samples" / "senders" / "signed-by-their-libraries.json"
ROWS = json.loads(SAMPLES.read_text())
P256 = (  # of a private key that is a small number
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+evkZBR8wQLZIyTQmdknwaUOQtV6CKEW/+wKKYGdjGVwuvfRKIiQKmoMHWet0QMS"
    "PIWatpv46UMck4STDUt+7g=="
)
UNSIGNED = {"token", "basic"}  # methods that say who sent it, and nothing of what was sent


def entry(name, secret="a-long-enough-secret"):
    preset = PRESETS[name]
    more = {"username": "user"} if preset.verify == "basic" else {}
    if "{webhook_id}" in preset.settings.get("signed", ""):
        more = {"webhook_id": "4JH86294D6297924G"}
    return {"verify": name, preset.key: secret} | more


def foreign(name, secret):
    """What another account at the same sender would have."""
    if PRESETS[name].key == "public_key":
        return P256
    return secret[:-2] + ("BA" if secret[-2:] != "BA" else "AB")


class Sent:
    def __init__(self, row):
        self.source = build("them", entry(row["preset"], row["secret"]), public_url=row["public_url"])
        self.at = datetime.fromtimestamp(row["at"], UTC)
        body, kind = base64.b64decode(row["body"]), row["kind"]
        headers, query = Headers(row["headers"]), ()
        if "?" in row["target"]:
            query = tuple(tuple(pair.split("=")) for pair in row["target"].partition("?")[2].split("&"))
        method = "POST" if body else "GET"
        self.asked = Incoming(
            method=method, body=body, content_type=kind, headers=headers, query=query, target=row["target"]
        )


each = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['preset']}, {row['by']}")


@each
def test_what_the_sender_signs_is_taken(row):
    sent = Sent(row)
    authenticated = sent.source.authenticate(sent.asked, sent.at)
    assert sent.source.accept(sent.asked, authenticated)


@each
def test_a_changed_body_or_address_is_refused(row):
    sent = Sent(row)
    if PRESETS[row["preset"]].verify in UNSIGNED:
        return
    changed = sent.asked.body.replace(b"e", b"3", 1) if sent.asked.body else b"x=1"
    asked = replace(sent.asked, body=changed, content_type=row["kind"] or "application/x-www-form-urlencoded")
    if row["preset"] not in {"adyen", "mailgun"}:  # they sign some fields alone
        with pytest.raises(SignatureError):
            sent.source.authenticate(asked, sent.at)
    if sent.asked.target:
        with pytest.raises(SignatureError):
            sent.source.authenticate(replace(sent.asked, target="/hooks/them?foo=2"), sent.at)


@each
def test_another_secret_is_refused(row):
    sent = Sent(row)
    other = foreign(row["preset"], row["secret"])
    with pytest.raises(SignatureError):
        build("them", entry(row["preset"], other), public_url=row["public_url"]).authenticate(sent.asked, sent.at)


@each
def test_a_signature_with_a_time_grows_old(row):
    sent = Sent(row)
    if sent.source.authenticate(sent.asked, sent.at).signed_at is not None:
        with pytest.raises(SignatureError):
            sent.source.authenticate(sent.asked, sent.at + timedelta(days=1, minutes=1))


@pytest.mark.parametrize("name", PRESETS)
def test_every_row_makes_a_source_without_warnings(name):
    if PRESETS[name].key == "public_key":
        found = build("x", entry(name, P256))
    else:
        found = build("x", entry(name, "0a" * 16), public_url="https://bridge.example.com")
    inherent = ("verify_token", "only some fields", "only a checksum")  # what a sender has, and nobody can set better
    assert [words for words in found.warnings if not any(one in words for one in inherent)] == []
    assert found.method == name


@pytest.mark.parametrize("name", PRESETS)
def test_every_row_says_where_its_facts_stand(name):
    assert PRESETS[name].fact.startswith("https://")
    assert PRESETS[name].setup in {None, *SETUP_CALL_KINDS}


def test_an_entry_s_own_settings_go_before_its_preset_s():
    assert build("x", entry("github") | {"event_type": "action"}).event_type == "action"


def test_adyen_s_second_item_is_checked_too():
    row = next(row for row in ROWS if row["preset"] == "adyen")
    sent = Sent(row)
    body = sent.asked.body.replace(b"7914073381342285", b"7914073381342286")
    with pytest.raises(SignatureError):
        sent.source.authenticate(replace(sent.asked, body=body), sent.at)


def adyen_list(*items):
    body = json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": one} for one in items]})
    return Incoming(method="POST", body=body.encode(), content_type="application/json", target="/hooks/x")


def test_an_item_of_adyen_that_comes_again_in_another_list_is_the_same_event():
    source = build("x", entry("adyen", "0a" * 16))

    def keys(*items):
        return [one.parsed.dedupe_key for one in source.accept(adyen_list(*items), Authenticated())]

    paid = {"pspReference": "881", "eventCode": "AUTHORISATION", "success": "true"}
    first = keys(paid, paid | {"success": "false"})
    second = keys(paid | {"eventDate": "2026-11-30T10:00:00Z"}, paid | {"eventCode": "REFUND"})
    assert first[0] == second[0]
    assert len({*first, *second}) == 3
