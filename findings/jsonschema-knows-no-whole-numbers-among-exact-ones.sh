#!/usr/bin/env bash
# `5.0` is an integer for a schema until the amounts of the document are read exactly; then it is none.
#
# Packages: jsonschema 4.26.0, fastjsonschema 2.22.3, jsonschema-rs 0.61.2 beside them.
#
# Expected: for JSON Schema a number without a fraction is an integer, however it is written, and `parse_float=Decimal`, which
# the standard library offers for money, changes nothing about validity.
# Seen: with floats `{"conversions": 5.0}` fits `type: integer`, and 19.99 is no multiple of 0.01. With Decimal, in document and
# schema alike, 19.99 is a multiple, and 5.0 is "not of type 'integer'". Each setting refuses something that is right.
#
# Why it matters here: trackers written in languages with one number type send counts as 5.0. The endpoint that switched to
# exact amounts refuses deliveries that it took the day before.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check jsonschema==4.26.0 fastjsonschema==2.22.3 jsonschema-rs==0.61.2
"$folder/venv/bin/python" - <<'PY'
import json
from decimal import Decimal

import fastjsonschema
import jsonschema
import jsonschema_rs

SCHEMA = '{"properties": {"conversions": {"type": "integer"}, "payout": {"multipleOf": 0.01}}}'


def verdict(check, error):
    try:
        check()
    except error:
        return "refused"
    return "valid"


found = {}
for body in ('{"conversions": 5.0}', '{"payout": 19.99}'):
    for number in (float, Decimal):
        value, schema = json.loads(body, parse_float=number), json.loads(SCHEMA, parse_float=number)
        slow = verdict(lambda: jsonschema.validate(value, schema), jsonschema.ValidationError)
        rust = verdict(lambda: jsonschema_rs.validate(json.loads(SCHEMA), value), jsonschema_rs.ValidationError)
        found[body, number.__name__] = slow
        print(f"{body} read as {number.__name__}: jsonschema {slow}, jsonschema-rs {rust}")
        assert rust == "valid"
assert list(found.values()) == ["valid", "refused", "refused", "valid"], found
whole = fastjsonschema.compile({"type": "integer"})
fast = [verdict(lambda number=number: whole(number), fastjsonschema.JsonSchemaValueException) for number in (5.0, Decimal("5.0"))]
print(f"5.0 as float and as Decimal for fastjsonschema: {fast}")
assert fast == ["valid", "refused"], fast
PY
