#!/usr/bin/env bash
# `body.payout > 5.0` works for 7.5 and fails for 7; `body.payout > 5` works for both.
#
# Package: cel-python 0.5.0 (module celpy), an implementation of the Common Expression Language.
#
# Expected: CEL compares whole numbers and fractions with each other, and the way round does not matter. A person who
# writes an amount writes 5.0, to be on the safe side.
# Seen: a double on the left takes an int on the right, an int on the left refuses a double: "no matching overload". JSON
# has one kind of number and most senders leave ".0" away, so that the value's own type changes from delivery to delivery.
# `==` refuses in both orders.
#
# Why it matters here: gateways and webhook routers filter by CEL. The rule passes every test with 7.50 and stops at the
# first conversion of exactly 7 dollars, which is then neither approved nor refused.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check cel-python==0.5.0
"$folder/venv/bin/python" - <<'PY'
import json

import celpy

environment = celpy.Environment()


def answer(expression, payout):
    program = environment.program(environment.compile(expression))
    try:
        return bool(program.evaluate({"body": celpy.json_to_cel(json.loads(payout))}))
    except celpy.CELEvalError:
        return "error"


seen = {}
for expression in ("body.payout > 5", "body.payout > 5.0", "5.0 < body.payout", "body.payout == 7.0"):
    for payout in ('{"payout": 7.5}', '{"payout": 7}'):
        seen[expression, payout] = answer(expression, payout)
        print(f"{expression:20} {payout:17} {seen[expression, payout]}")
assert seen["body.payout > 5", '{"payout": 7.5}'] is seen["body.payout > 5", '{"payout": 7}'] is True
assert seen["body.payout > 5.0", '{"payout": 7.5}'] is True
assert seen["body.payout > 5.0", '{"payout": 7}'] == "error", "an int is compared with a double now"
assert seen["5.0 < body.payout", '{"payout": 7}'] is True
assert seen["body.payout == 7.0", '{"payout": 7}'] == "error"
PY
