"""Sources and requests for tests, as short as they can be said."""

from datetime import UTC, datetime

from bridge.sources import Headers, Incoming, build

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_bmV3IGtleSBmb3IgdGhlIHJlY2VpdmVy"

STANDARD = {"verify": "standard-webhooks", "secret": SECRET}
WAYS = {
    "standard-webhooks": STANDARD,
    "github": {"verify": "github", "secret": "a-long-enough-secret"},
    "stripe": {"verify": "stripe", "secret": "a-long-enough-secret"},
    "shopify": {"verify": "shopify", "secret": "a-long-enough-secret"},
    "slack": {"verify": "slack", "secret": "a-long-enough-secret"},
    "own hmac": {
        "verify": "hmac", "secret": "a-long-enough-secret", "header": "X-Sig", "digest": "sha512", "encoding": "base64",
        "signed": "{id}.{timestamp}.{body}", "timestamp_header": "X-Time", "id_header": "X-Id",
    },
    "bearer": {"verify": "bearer", "token": "a-long-enough-token"},
    "basic": {"verify": "basic", "username": "crm", "password": "a-long-enough-password"},
    "token": {"verify": "token", "token": "a-long-enough-token"},
    "token in the query": {"verify": "token", "token": "a-long-enough-token", "in": ["query"]},
    "token in a header": {"verify": "token", "token": "a-long-enough-token", "in": ["header"], "header": "X-Token"},
}  # fmt: skip
SIGNED = ("standard-webhooks", "github", "stripe", "shopify", "slack", "own hmac")
TIMED = ("standard-webhooks", "stripe", "slack", "own hmac")


def source(config=None, **more):
    return build("crm", {**(config or STANDARD), **more})


def request(body=b'{"type": "deal.signed"}', content_type="application/json", headers=(), **more):
    return Incoming(body=body, content_type=content_type, headers=Headers(list(headers)), **more)


def signed(config=None, asked=None, now=NOW, delivery="evt_1"):
    return source(config).authenticator.sign(asked or request(), now, delivery)
