#!/usr/bin/env bash
# A subject "Müller" arrives as "M%C3%BCller" when Python sends and JavaScript receives, both with the official library.
#
# Packages: cloudevents 2.2.0 (PyPI), cloudevents 10.0.0 (npm).
#
# Expected: attributes in HTTP headers are percent-encoded by the sender and decoded by the receiver; the HTTP binding of
# CloudEvents 1.0 asks for both, and two libraries of one project agree.
# Seen: Python encodes and decodes. JavaScript does neither: it takes the encoded text as the subject, and it sends names as
# they are, so that Python changes the name "100%25" into "100%".
#
# Why it matters here: the subject is where senders put the publisher, the offer, the sub id. A join with the network's
# own list fails for everybody with an umlaut, a blank or a percent sign in the name, and only in binary mode: structured
# mode carries the subject in the body.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check cloudevents==2.2.0
npm install --silent --no-audit --no-fund --prefix "$folder" cloudevents@10.0.0
cat > "$folder/receive.mjs" <<'JS'
import { CloudEvent, HTTP } from 'cloudevents';

const headers = JSON.parse(process.argv[2]);
const received = HTTP.toEvent({ headers, body: '{}' }).subject;
const sent = HTTP.binary(new CloudEvent({ id: '1', source: '/crm', type: 'deal', subject: '100%25', data: {} })).headers['ce-subject'];
console.log(JSON.stringify({ received, sent }));
JS
cat > "$folder/talk.py" <<'PY'
import json
import subprocess
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_binary_event, to_binary_event
from cloudevents.core.v1.event import CloudEvent

NAME = "Müller 100%"
required = {"id": "1", "source": "/crm", "type": "deal", "specversion": "1.0", "datacontenttype": "application/json"}
message = to_binary_event(CloudEvent(attributes={**required, "subject": NAME}, data={}))
print("Python sends      ", message.headers["ce-subject"])
print("Python receives   ", from_binary_event(message).get_subject())
assert from_binary_event(message).get_subject() == NAME

answer = json.loads(subprocess.run(["node", sys.argv[1], json.dumps(message.headers)], check=True, capture_output=True, text=True).stdout)
print("JavaScript gives  ", answer["received"])
assert answer["received"] == message.headers["ce-subject"] != NAME, "JavaScript decodes now"

returned = from_binary_event(HTTPMessage(headers={**message.headers, "ce-subject": answer["sent"]}, body=b"{}")).get_subject()
print("JavaScript sends   100%25 as", answer["sent"], "and Python receives", returned)
assert (answer["sent"], returned) == ("100%25", "100%"), "JavaScript encodes now"
PY
"$folder/venv/bin/python" "$folder/talk.py" "$folder/receive.mjs"
