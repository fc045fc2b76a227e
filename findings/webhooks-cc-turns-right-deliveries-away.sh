#!/usr/bin/env bash
# Right deliveries of DocuSign and SendGrid do not pass: one key is looked at, and one scheme is said not to exist.
#
# Packages: webhooks-cc 0.2.0 (PyPI), which checks signatures of 36 senders; sendgrid 6.12.5, SendGrid's own library.
#
# Expected: DocuSign Connect signs a delivery once with each key that the account has, as X-DocuSign-Signature-1, -2 and
# so on, so that a receiver passes it whichever key it holds. SendGrid signs its event webhook with ECDSA; its own library
# checks that.
# Seen: only X-DocuSign-Signature-1 is looked at, so a receiver that holds the second key refuses every delivery. For
# SendGrid an error says that it "does not use signature verification".
#
# Why it matters here: keys are rotated by having two for a while. Whoever takes the new one first loses all events; and
# who believes that nothing is signed keeps a list of addresses in place of a signature.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "webhooks-cc==0.2.0" "sendgrid==6.12.5" "cryptography==46.0.3"
cat >look.py <<'PY'
import base64
import hashlib
import hmac

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sendgrid.helpers.eventwebhook import EventWebhook
from webhooks_cc.verify import verify_signature

body = b'{"event":"envelope-completed","data":{"envelopeId":"1"}}'
keys = ["the key of last year", "the key of this year"]
headers = {
    f"X-DocuSign-Signature-{number}": base64.b64encode(hmac.new(key.encode(), body, hashlib.sha256).digest()).decode()
    for number, key in enumerate(keys, start=1)
}
for key, passes in zip(keys, (True, False), strict=True):
    found = verify_signature("docusign", body=body, headers=headers, secret=key)
    print(f"DocuSign, {key}: {found}")
    assert found is passes, "this has changed"

private = ec.generate_private_key(ec.SECP256R1())
public = base64.b64encode(
    private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()
events, stamp = '[{"event":"open","sg_event_id":"1"}]\r\n', "1772452800"
signature = base64.b64encode(private.sign((stamp + events).encode(), ec.ECDSA(hashes.SHA256()))).decode()
theirs = EventWebhook(public)
assert theirs.verify_signature(events, signature, stamp, theirs.convert_public_key_to_ecdsa(public))
print("SendGrid, its own library: True")
sent = {"X-Twilio-Email-Event-Webhook-Signature": signature, "X-Twilio-Email-Event-Webhook-Timestamp": stamp}
try:
    verify_signature("sendgrid", body=events.encode(), headers=sent, public_key=public)
except ValueError as error:
    print(f"SendGrid: {error}")
    assert "does not use signature verification" in str(error), "this has changed"
else:
    raise AssertionError("it knows the scheme now")
PY
venv/bin/python look.py
