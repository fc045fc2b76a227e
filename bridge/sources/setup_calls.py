"""Answer the calls with which senders verify an address before they use it. None of them is an event.

Each sender has its own; the preset names it. Where the sender signs its call, the signature is checked first. An answer
repeats what the sender asked to see repeated, as plain text or JSON, and never fetches anything.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.sources.authentication import same
from bridge.sources.errors import SignatureError, Unreadable
from bridge.sources.event_body import Limits, looks_like_json, read_json
from bridge.sources.request import Incoming

MAX_CHALLENGE_CHARS = 4_096  # characters of a challenge


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a set-up call."""

    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupCalls:
    """The set-up calls of one source. Some answers need `secret` and `verify_token`."""

    kind: str
    secret: bytes = field(default=b"", repr=False)
    verify_tokens: tuple[str, ...] = field(default=(), repr=False)

    def digest(self, text: str) -> str:
        """Return the HMAC that shows the sender that we have the secret."""
        return hmac.digest(self.secret, text.encode(), "sha256").hex()

    def answer(self, request: Incoming, authenticate: Callable[[], object]) -> Reply | None:
        """Return the reply to a set-up call, or None for any other request. Raises SignatureError for a forged one."""
        reply, signed = SETUP_CALL_KINDS[self.kind](self, request)
        if reply is not None and signed:
            authenticate()
        return reply


def to_confirm(kind: str | None, body: Mapping[str, Any]) -> str | None:
    """Return why an event waits for a person: SNS asks to open an address, which the service never does by itself."""
    if kind == "sns" and body.get("Type") in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
        return f"SNS wants to be confirmed: check the topic, then open SubscribeURL: {body.get('SubscribeURL')}"
    return None


def _text(challenge: Any) -> Reply | None:
    fits = isinstance(challenge, str) and 0 < len(challenge) <= MAX_CHALLENGE_CHARS and challenge.isprintable()
    return Reply(challenge.encode()) if fits else None


def _json(**values: Any) -> Reply:
    return Reply(json.dumps(values).encode(), "application/json")


def _body(request: Incoming) -> dict[str, Any]:
    """Return the body of a set-up call, a small JSON object or a list with one; nothing for any other body."""
    if len(request.body) > 4 * MAX_CHALLENGE_CHARS or not looks_like_json(request.body):
        return {}
    try:
        value = read_json(request.body, Limits())
    except Unreadable:
        return {}
    first = value[0] if isinstance(value, list) and value else value
    return first if isinstance(first, dict) else {}


Found = tuple[Reply | None, bool]  # the reply, and whether the sender signs its call


def _slack(_: SetupCalls, request: Incoming) -> Found:
    body = _body(request)
    return (_text(body.get("challenge")) if body.get("type") == "url_verification" else None), True


def _zoom(calls: SetupCalls, request: Incoming) -> Found:
    body = _body(request)
    plain = body.get("payload", {}).get("plainToken") if isinstance(body.get("payload"), dict) else None
    if body.get("event") != "endpoint.url_validation" or not isinstance(plain, str):
        return None, True
    return _json(plainToken=plain, encryptedToken=calls.digest(plain)), True


def _meta(calls: SetupCalls, request: Incoming) -> Found:
    if request.method != "GET" or request.parameter("hub.mode") != "subscribe":
        return None, False
    if not same(request.parameter("hub.verify_token") or "", calls.verify_tokens):
        raise SignatureError("wrong", "hub.verify_token is not the verify_token of this source")
    return _text(request.parameter("hub.challenge")), False


def _microsoft_graph(_: SetupCalls, request: Incoming) -> Found:
    return _text(request.parameter("validationToken")), False


def _linkedin(calls: SetupCalls, request: Incoming) -> Found:
    code = request.parameter("challengeCode")
    if request.method != "GET" or not code or len(code) > MAX_CHALLENGE_CHARS:
        return None, False
    return _json(challengeCode=code, challengeResponse=calls.digest(code)), False


def _twitch(_: SetupCalls, request: Incoming) -> Found:
    kind = request.headers.get("twitch-eventsub-message-type")
    return (_text(_body(request).get("challenge")) if kind == "webhook_callback_verification" else None), True


def _discord(_: SetupCalls, request: Incoming) -> Found:
    body = _body(request)
    if body.get("type") == 0 and "event" not in body:  # webhook events
        return Reply(status=204, content_type="application/json"), True
    ping = body.get("type") == 1 and "event" not in body  # interactions
    return (_json(type=1) if ping else None), True


def _event_grid(_: SetupCalls, request: Incoming) -> Found:
    body = _body(request)
    data = body.get("data")
    if body.get("eventType") == "Microsoft.EventGrid.SubscriptionValidationEvent" and isinstance(data, dict):
        return _json(validationResponse=str(data.get("validationCode"))), True
    return _cloudevents(_, request)


def _cloudevents(_: SetupCalls, request: Incoming) -> Found:
    origin = request.headers.get("webhook-request-origin")
    if request.method != "OPTIONS" or not origin or not origin.isprintable():
        return None, True
    allowed = {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*", "Allow": "POST"}
    return Reply(headers=allowed), True


def _woocommerce(_: SetupCalls, request: Incoming) -> Found:
    ping = request.body.startswith(b"webhook_id=") and request.body.removeprefix(b"webhook_id=").isdigit()
    return (Reply() if ping and "x-wc-webhook-signature" not in request.headers else None), False


def _asana(_: SetupCalls, request: Incoming) -> Found:
    """Answer Asana, which wants its secret back before it knows a receiver, so this one call cannot be signed."""
    given = request.headers.get("x-hook-secret", "")
    fits = 0 < len(given) <= MAX_CHALLENGE_CHARS and given.isascii() and given.isprintable()
    asks = "x-hook-signature" not in request.headers and not request.body.strip(b"{} \r\n\t")
    return (Reply(headers={"X-Hook-Secret": given}) if fits and asks else None), False


def _head(_: SetupCalls, request: Incoming) -> Found:
    """Answer Trello and SurveyMonkey, which check the address with HEAD and require exactly 200."""
    return (Reply() if request.method == "HEAD" else None), False


def _none(_: SetupCalls, request: Incoming) -> Found:
    del request
    return None, False


SETUP_CALL_KINDS: Mapping[str, Callable[[SetupCalls, Incoming], Found]] = {
    "slack": _slack,
    "zoom": _zoom,
    "meta": _meta,
    "microsoft-graph": _microsoft_graph,
    "linkedin": _linkedin,
    "twitch": _twitch,
    "discord": _discord,
    "event-grid": _event_grid,
    "cloudevents": _cloudevents,
    "woocommerce": _woocommerce,
    "asana": _asana,
    "head": _head,
    "sns": _none,
}
