#!/usr/bin/env bash
# A webhook that is signed with an aware local time is refused by the library that signed it.
#
# Packages: standardwebhooks 1.1.0, svix 2.9.1.
#
# Expected: `sign(id, moment, body)` takes a datetime. A datetime with a zone names one instant, so that 10:00 UTC and
# 11:00 in Berlin give the same signature.
# Seen: both libraries relabel the clock reading as UTC. The signed text then holds another second than the header
# `webhook-timestamp`, which the sender makes from the same datetime. `verify` of the same library says "no matching
# signature". The sender with TZ=UTC, which is every container and every CI, never sees it.
#
# Why it matters here: people who send callbacks to a partner take the time from a conversion row in the account's zone.
# All deliveries of that account are refused with 401, and the secret gets the blame.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check standardwebhooks==1.1.0 svix==2.9.1 tzdata==2026.6
"$folder/venv/bin/python" - <<'PY'
import base64
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import standardwebhooks
import svix.webhooks

SECRET = "whsec_" + base64.b64encode(b"twenty-four bytes of key").decode()
BODY = '{"type": "conversion.approved", "payout": "8.00"}'
now = datetime.now(UTC)
berlin = now.astimezone(ZoneInfo("Europe/Berlin"))
assert now == berlin


def accepted(module, prefix, moment):
    hook = module.Webhook(SECRET)
    headers = {
        f"{prefix}-id": "msg_1",
        f"{prefix}-timestamp": str(int(moment.timestamp())),
        f"{prefix}-signature": hook.sign("msg_1", moment, BODY),
    }
    try:
        hook.verify(BODY, headers)
    except module.WebhookVerificationError as error:
        return f"refused ({error})"
    return "accepted"


for module, prefix in ((standardwebhooks, "webhook"), (svix.webhooks, "svix")):
    for moment in (now, berlin):
        print(f"{module.__name__:18} signed at {moment.isoformat(timespec='seconds')}: {accepted(module, prefix, moment)}")
    assert accepted(module, prefix, now) == "accepted"
    assert accepted(module, prefix, berlin).startswith("refused"), "the library converts to UTC now"
PY
