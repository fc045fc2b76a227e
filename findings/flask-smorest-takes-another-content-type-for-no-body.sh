#!/usr/bin/env bash
# A required JSON body is no body at all for flask-smorest when it comes under another content type, and nobody is told.
#
# Packages: flask-smorest 0.47.0, webargs 8.7.1, Flask 3.1.3, marshmallow 4.4.0 (PyPI).
#
# Expected: an operation whose OpenAPI document says `requestBody: {required: true}` with `application/json` alone answers
# 415 or 422 to a body of another type, and 422 to none. `curl -d` sends application/x-www-form-urlencoded.
# Seen: both requests are answered with 200, and the view is given an empty mapping: all fields are optional.
#
# Why it matters here: `{"only": ["offer=42"]}` narrows an approval to one offer. Passed over, the whole plan is approved.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check \
  flask-smorest==0.47.0 webargs==8.7.1 Flask==3.1.3 marshmallow==4.4.0
cat > "$folder/ask.py" <<'PY'
import sys

from flask import Flask
from flask_smorest import Api, Blueprint
from marshmallow import RAISE, Schema, fields


class Selection(Schema):
    class Meta:
        unknown = RAISE

    only = fields.List(fields.String())


plans = Blueprint("plans", "plans")


@plans.post("/approve")
@plans.arguments(Selection, required=True)
@plans.response(200)
def approve(selection):
    return {"approved": selection.get("only", "everything")}


app = Flask("network")
app.config |= {"API_TITLE": "Network", "API_VERSION": "1", "OPENAPI_VERSION": "3.1.0"}
api = Api(app)
api.register_blueprint(plans)
body = '{"only": ["offer=42"]}'
send = app.test_client().post
found = {
    "application/json": send("/approve", data=body, content_type="application/json"),
    "as curl -d sends it": send("/approve", data=body, content_type="application/x-www-form-urlencoded"),
    "no body": send("/approve"),
}
described = api.spec.to_dict()["paths"]["/approve"]["post"]["requestBody"]
print("the document says:", "required" if described["required"] else "optional", *described["content"])
for name, answer in found.items():
    print(f"{name}: {answer.status_code} {answer.get_json()}")
answers = [(answer.status_code, answer.get_json()["approved"]) for answer in found.values()]
same = answers == [(200, ["offer=42"]), (200, "everything"), (200, "everything")]
sys.exit(0 if same and described["required"] and list(described["content"]) == ["application/json"] else 1)
PY
"$folder/venv/bin/python" "$folder/ask.py"
