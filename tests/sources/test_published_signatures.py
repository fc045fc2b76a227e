"""Signatures that others have published: what we take must be what these senders send, not only what we sign."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.sources import Headers, Incoming, SignatureError, build

SAMPLES = Path(__file__).parent.parent / "samples" / "senders"
JSON = "application/json"
OLDER = "v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef"


@dataclass(frozen=True)
class Published:
    verify: str
    secret: str
    body: bytes
    headers: tuple[tuple[str, str], ...]
    at: datetime = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    kind: str = JSON

    @property
    def asked(self):
        return Incoming(body=self.body, content_type=self.kind, headers=Headers(list(self.headers)))

    def authenticate(self, asked=None, at=None):
        found = build("them", {"verify": self.verify, "secret": self.secret})
        return found.authenticate(asked or self.asked, at or self.at)


PUBLISHED = {
    # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries, "Testing the webhook payload
    # validation"
    "github": Published(
        "github",
        "It's a Secret to Everybody",
        b"Hello, World!",
        (("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),),
    ),
    # https://github.com/stripe/stripe-dotnet at 6045930: src/StripeTests/Services/Events/EventUtilityTest.cs and
    # src/StripeTests/Resources/event_test_signature.json
    "stripe": Published(
        "stripe",
        "webhook_secret",
        (SAMPLES / "stripe-customer-created.json").read_bytes(),
        (
            (
                "Stripe-Signature",
                f"t=1533204620,v1=2220f87ef101a04665f11cdf770523143f875572008577fa0f20882ddb9cc3c7,{OLDER}",
            ),
        ),
        at=datetime.fromtimestamp(1533204620, UTC),
    ),
    # SQLPage (https://github.com/sqlpage/SQLPage), its tests of Shopify's base64 form. Shopify's own pages have none.
    "shopify": Published(
        "shopify",
        "test-webhook-secret",
        b'{"id":1234567890,"email":"customer@example.com","total_price":"123.45"}',
        (("X-Shopify-Hmac-Sha256", "QNyObTlKbMx2qDlPF/ZOZcBqg5OgPg+2oky3zldc0Gw="),),
    ),
    # https://api.slack.com/authentication/verifying-requests-from-slack
    "slack": Published(
        "slack",
        "8f742231b10e8888abcd99yyyzzz85a5",
        (SAMPLES / "slack-command.txt").read_bytes(),
        (
            ("X-Slack-Request-Timestamp", "1531420618"),
            ("X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
        ),
        at=datetime.fromtimestamp(1531420618, UTC),
        kind="application/x-www-form-urlencoded",
    ),
    # https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, and its libraries' tests
    "standard-webhooks": Published(
        "standard-webhooks",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        b'{"test": 2432232314}',
        (
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ),
        at=datetime.fromtimestamp(1614265330, UTC),
    ),
}
each = pytest.mark.parametrize("name", PUBLISHED)


@each
def test_what_the_sender_publishes_is_taken(name):
    PUBLISHED[name].authenticate()


@each
def test_one_byte_more_is_refused(name):
    one = PUBLISHED[name]
    with pytest.raises(SignatureError):
        one.authenticate(replace(one.asked, body=one.body + b" "))


@each
def test_another_secret_is_refused(name):
    one = PUBLISHED[name]
    other = "whsec_bmV3IGtleSBmb3IgdGhlIHJlY2VpdmVy"
    with pytest.raises(SignatureError):
        replace(one, secret=other).authenticate()


@pytest.mark.parametrize("name", ["stripe", "slack", "standard-webhooks"])
@pytest.mark.parametrize("skew", [timedelta(minutes=6), -timedelta(minutes=6)])
def test_a_replay_at_another_time_is_refused(name, skew):
    one = PUBLISHED[name]
    with pytest.raises(SignatureError):
        one.authenticate(at=one.at + skew)


def test_the_older_scheme_of_stripe_alone_is_refused():
    one = PUBLISHED["stripe"]
    weak = f"t=1533204620,{OLDER}"
    with pytest.raises(SignatureError):
        one.authenticate(replace(one.asked, headers=Headers([("Stripe-Signature", weak)])))
