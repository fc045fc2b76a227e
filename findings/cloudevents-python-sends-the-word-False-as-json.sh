#!/usr/bin/env bash
# An event whose data is `false` leaves Python's CloudEvents library as the word False, declared as JSON.
#
# Package: cloudevents 2.2.0 (PyPI), the official library.
#
# Expected: binary mode puts the data into the body in its content type, so that application/json with the value false is
# `false`; and an extension that is a Boolean is written `true` in its header, the one text form that the specification
# has for it. Structured mode of the same library does both.
# Seen: the body is `False` and the header is `True`, Python's spelling. A text is sent without quotes, too. No JSON reader
# takes such a body, and the library itself reads it back as the text 'False', which is true in every condition.
#
# Why it matters here: "consent withdrawn" and "offer active" are events whose whole data is a Boolean. The receiver
# answers 400 for a proper JSON event, or, worse, a rule takes 'False' for yes. Switching the sender's mode changes it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check cloudevents==2.2.0
"$folder/venv/bin/python" - <<'PY'
import json

from cloudevents.core.bindings.http import from_http_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

required = {"id": "1", "source": "/crm", "type": "offer.active", "specversion": "1.0"}
event = CloudEvent(attributes={**required, "datacontenttype": "application/json", "urgent": True}, data=False)
binary, structured = to_binary_event(event), to_structured_event(event)
document = json.loads(structured.body)
print("structured: data", json.dumps(document["data"]), "urgent", json.dumps(document["urgent"]))
print("binary:     body", binary.body, "ce-urgent", binary.headers["ce-urgent"], "as", binary.headers["content-type"])
assert document["data"] is False and document["urgent"] is True
assert binary.headers["content-type"] == "application/json"
assert binary.body == b"False", "the body is JSON now"
assert binary.headers["ce-urgent"] == "True"
try:
    json.loads(binary.body)
except json.JSONDecodeError as error:
    print("a JSON reader says:", error)
else:
    raise AssertionError("the body can be read as JSON now")
read_back = from_http_event(binary).get_data()
print(f"the library reads its own event back as {read_back!r}, which is {bool(read_back)} in a condition")
assert read_back == "False"
PY
