#!/usr/bin/env bash
# A right delivery is refused when it is verified six seconds after it was signed, and a rotated key list raises
# "connection refused".
#
# Packages: paddle-python-sdk 1.16.1, stripe 16.1.0 beside it.
#
# Expected: a tolerance of some minutes, as Stripe, Slack, Svix and Standard Webhooks have (300 s each), and one way of
# saying no.
# Seen: without an argument `Verifier()` allows five seconds. And a signature that fits none of several keys is no False,
# as with a single key, but ConnectionRefusedError: an OSError, which retry code takes for a broken network.
#
# Why it matters here: whoever answers a webhook first and proves it later, from a queue or a journal, refuses every
# payment event that waited; a clock that is six seconds off refuses all of them. A retry policy for "connection refused"
# tries a delivery again for ever although only its key is old.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check paddle-python-sdk==1.16.1 stripe==16.1.0
"$folder/venv/bin/python" - <<'PY'
import hashlib
import hmac
import logging
import time
from types import SimpleNamespace

import stripe
from paddle_billing.Notifications import Secret, Verifier

logging.disable(logging.CRITICAL)  # the package reports each refusal at level CRITICAL
BODY = b'{"event_type": "transaction.paid"}'


def delivery(age, key="pdl_new"):
    stamp = int(time.time()) - age
    proof = hmac.new(key.encode(), f"{stamp}:".encode() + BODY, hashlib.sha256).hexdigest()
    return SimpleNamespace(headers={"Paddle-Signature": f"ts={stamp};h1={proof}"}, body=BODY)


def outcome(request, secrets):
    try:
        return Verifier().verify(request, secrets)
    except OSError as error:
        return type(error).__name__


for age in (0, 3, 7, 60):
    print(f"Paddle, signed {age:3} s ago: {outcome(delivery(age), Secret('pdl_new'))}")
assert outcome(delivery(0), Secret("pdl_new")) is True
assert outcome(delivery(7), Secret("pdl_new")) is False, "the tolerance is longer now"

stamp = int(time.time()) - 60
proof = hmac.new(b"whsec_x", f"{stamp}.".encode() + BODY, hashlib.sha256).hexdigest()
allowed = stripe.Webhook.DEFAULT_TOLERANCE
stripe_says = stripe.WebhookSignature.verify_header(BODY.decode(), f"t={stamp},v1={proof}", "whsec_x", tolerance=allowed)
print(f"Stripe, signed  60 s ago: {stripe_says}, tolerance {allowed} s")
assert stripe_says is True and allowed == 300

one, several = Secret("pdl_new"), [Secret("pdl_new"), Secret("pdl_newer")]
print("signed with a key that was rotated away, one key:", outcome(delivery(0, "pdl_old"), one))
print("signed with a key that was rotated away, key list:", outcome(delivery(0, "pdl_old"), several))
assert outcome(delivery(0, "pdl_old"), one) is False
assert outcome(delivery(0, "pdl_old"), several) == "ConnectionRefusedError"
PY
