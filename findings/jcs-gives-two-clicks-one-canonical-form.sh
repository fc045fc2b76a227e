#!/usr/bin/env bash
# Two bodies with different click ids have the same canonical JSON, and with it the same hash.
#
# Packages: jcs 0.2.1, rfc8785 0.1.4.
#
# Expected: canonical JSON is made to hash and sign documents, so that different documents never become the same bytes; a
# number that the form cannot hold is an error.
# Seen: RFC 8785 writes numbers as JavaScript would. jcs does it to the letter and rounds whole numbers above 2 ** 53:
# 1795939200123456789 and 1795939200123456790 both become 1795939200123456800. rfc8785 refuses them (IntegerDomainError).
#
# Why it matters here: ids of 18 and 19 digits are usual among trackers. Deduplication by the hash of the canonical body
# drops the second conversion as a repetition, and a signature over canonical JSON fits a body with another click id.
# With the stricter package the same deliveries are all refused. Ids belong into JSON as texts.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check jcs==0.2.1 rfc8785==0.1.4
"$folder/venv/bin/python" - <<'PY'
import json

import jcs
import rfc8785

bodies = ['{"click_id": 1795939200123456789, "payout": 8.00}', '{"click_id": 1795939200123456790, "payout": 8.00}']
written = [jcs.canonicalize(json.loads(body)) for body in bodies]
for body, canonical in zip(bodies, written, strict=True):
    print("jcs:    ", body, "->", canonical.decode())
assert json.loads(bodies[0]) != json.loads(bodies[1])
assert written[0] == written[1] == b'{"click_id":1795939200123456800,"payout":8}', "the digits are kept now"
for body in bodies:
    try:
        print("rfc8785:", rfc8785.dumps(json.loads(body)))
    except rfc8785.IntegerDomainError as error:
        print("rfc8785:", error)
    else:
        raise AssertionError("rfc8785 takes long ids now")
PY
