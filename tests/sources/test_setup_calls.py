"""Calls with which senders check an address before they use it: answered as each wants, and never events."""

import hmac
import json

import pytest

from bridge.sources import SignatureError, build
from tests.sources.signed_requests import NOW, request

SECRET = "a-long-enough-secret"


def preset(name, **more):
    return build("them", {"verify": name, "secret": SECRET, **more})


def token(name):
    return build("them", {"verify": name, "token": "a-long-enough-token"})


def mac(text):
    return hmac.digest(SECRET.encode(), text.encode(), "sha256").hex()


def asked(source, body, headers=(), **more):
    """A JSON request that the sender has signed."""
    plain = request(json.dumps(body).encode(), headers=headers, **more)
    return source.authenticator.sign(plain, NOW, "evt_1")


SLACK = {"type": "url_verification", "challenge": "abc"}
ZOOM = {"event": "endpoint.url_validation", "payload": {"plainToken": "abc"}}
TWITCH = {"challenge": "abc", "subscription": {}}
TWITCH_HEADER = [("Twitch-Eventsub-Message-Type", "webhook_callback_verification")]


@pytest.mark.parametrize(
    ("name", "body", "headers", "said"),
    [
        ("slack", SLACK, (), b"abc"),
        ("twitch", TWITCH, TWITCH_HEADER, b"abc"),
        ("zoom", ZOOM, (), json.dumps({"plainToken": "abc", "encryptedToken": mac("abc")}).encode()),
    ],
)
def test_a_signed_set_up_call_is_answered_and_a_forged_one_refused(name, body, headers, said):
    source = preset(name)
    signed = asked(source, body, headers)
    assert source.setup_reply(signed, NOW).body == said
    with pytest.raises(SignatureError):
        source.setup_reply(asked(preset(name, secret="another-long-secret"), body, headers), NOW)


@pytest.mark.parametrize("name", ["slack", "zoom", "twitch", "linkedin", "woocommerce", "meta"])
def test_an_ordinary_event_is_no_set_up_call(name):
    source = preset(name)
    assert source.setup_reply(asked(source, {"type": "event_callback", "event_id": "1"}), NOW) is None


def test_meta_is_answered_only_with_the_agreed_word():
    meta = preset("meta", verify_token="an-agreed-word")
    query = (("hub.mode", "subscribe"), ("hub.challenge", "1158201444"), ("hub.verify_token", "an-agreed-word"))
    assert meta.setup_reply(request(b"", method="GET", query=query), NOW).body == b"1158201444"
    with pytest.raises(SignatureError):
        meta.setup_reply(request(b"", method="GET", query=(*query[:2], ("hub.verify_token", "x"))), NOW)
    with pytest.raises(SignatureError):
        preset("meta").setup_reply(request(b"", method="GET", query=(*query[:2], ("hub.verify_token", ""))), NOW)


def test_linkedin_gets_its_code_signed():
    reply = preset("linkedin").setup_reply(request(b"", method="GET", query=(("challengeCode", "890e4665"),)), NOW)
    assert json.loads(reply.body) == {"challengeCode": "890e4665", "challengeResponse": mac("890e4665")}


def test_microsoft_graph_gets_its_token_as_plain_text():
    graph = token("microsoft-graph")
    reply = graph.setup_reply(request(b"", query=(("validationToken", "Validation: <b>1</b>"),)), NOW)
    assert (reply.body, reply.content_type) == (b"Validation: <b>1</b>", "text/plain; charset=utf-8")
    assert graph.setup_reply(request(b"", query=(("validationToken", "x" * 5_000),)), NOW) is None


def test_every_notification_of_microsoft_graph_must_carry_the_agreed_state():
    graph = token("microsoft-graph")
    good, bad = ({"clientState": text, "changeType": "created"} for text in ("a-long-enough-token", "other"))
    notified = request(json.dumps({"value": [good, good]}).encode())
    accepted = graph.accept(notified, graph.authenticate(notified, NOW))
    assert [one.parsed.event_type for one in accepted] == ["created", "created"]
    assert b"a-long-enough-token" not in accepted[0].stored_request.body
    with pytest.raises(SignatureError):
        graph.authenticate(request(json.dumps({"value": [good, bad]}).encode()), NOW)


def test_event_grid_and_cloudevents_are_answered_with_the_right_token_only():
    grid = token("event-grid")
    validation = [{"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "512d"}}]
    body = json.dumps(validation).encode()
    right = request(body, path_token="a-long-enough-token")
    assert json.loads(grid.setup_reply(right, NOW).body) == {"validationResponse": "512d"}
    options = request(b"", method="OPTIONS", headers=[("WebHook-Request-Origin", "eventgrid.azure.net")])
    for wrong in (request(body), options):
        with pytest.raises(SignatureError):
            grid.setup_reply(wrong, NOW)
    reply = token("cloudevents").setup_reply(
        request(b"", method="OPTIONS", headers=options.headers.items(), path_token="a-long-enough-token"), NOW
    )
    assert reply.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"


def test_the_ping_of_woocommerce_gets_exactly_200():
    ping = request(b"webhook_id=42", "application/x-www-form-urlencoded")
    assert preset("woocommerce").setup_reply(ping, NOW).status == 200


def test_sns_waits_for_a_person_and_is_never_opened_by_itself():
    sns = token("sns")
    body = json.dumps({"Type": "SubscriptionConfirmation", "SubscribeURL": "https://sns.example/confirm"}).encode()
    [accepted] = sns.accept(request(body, "text/plain; charset=UTF-8", path_token="a-long-enough-token"))
    assert "open SubscribeURL: https://sns.example/confirm" in accepted.parsed.quarantine


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[1]", b'{"type": []}', b'{"payload": 1, "event": {}}', b"\xff"])
@pytest.mark.parametrize("name", ["slack", "zoom", "twitch", "linkedin", "woocommerce", "meta"])
def test_no_body_breaks_the_look_for_a_set_up_call(name, body):
    assert preset(name).setup_reply(request(body), NOW) is None


def test_asana_gets_its_secret_back_and_an_event_is_no_handshake():
    source = preset("asana")
    reply = source.setup_reply(request(b"{}", headers=[("X-Hook-Secret", "b537207f20cbfa02357cf448134da559")]), NOW)
    assert (reply.status, reply.headers) == (200, {"X-Hook-Secret": "b537207f20cbfa02357cf448134da559"})
    event = asked(source, {"events": []}, [("X-Hook-Secret", "b537207f20cbfa02357cf448134da559")])
    assert source.setup_reply(event, NOW) is None
    for odd in ("a\r\nSet-Cookie: x", "\u00e4", "x" * 5_000, ""):
        assert source.setup_reply(request(b"{}", headers=[("X-Hook-Secret", odd)]), NOW) is None


@pytest.mark.parametrize("name", ["trello", "surveymonkey"])
def test_who_looks_with_head_gets_200(name):
    reply = preset(name).setup_reply(request(b"", method="HEAD"), NOW)
    assert (reply.status, reply.body) == (200, b"")
    assert preset(name).setup_reply(request(b"{}"), NOW) is None
