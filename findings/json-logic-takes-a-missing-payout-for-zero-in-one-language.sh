#!/usr/bin/env bash
# "payout below 5" is true for a body without a payout in JavaScript and false in Python, by the same JsonLogic rule.
#
# Packages: json-logic-js 2.0.5 (npm), json-logic-qubit 0.9.1 (PyPI).
#
# Expected: JsonLogic exists so that one rule, kept as JSON, gives one answer in browser and server.
# Seen: JavaScript compares null as 0, so that a missing number is below 5, above -1, and within 0 to 10. Python's package
# answers false to all comparisons with a missing value. The remainder of a negative number differs as well. Not
# even the negation helps: "not (payout >= 5)" is true in both, since here it is false that counts as the answer.
#
# Why it matters here: rules that a flow tool or a tracker's web page previews in the browser are carried out on a server.
# What was tested as "pauses nothing without data" pauses every offer whose report lacks the column, or the other way
# round. A third answer, "no decision", is what both lack.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check json-logic-qubit==0.9.1
npm install --silent --no-audit --no-fund --prefix "$folder" json-logic-js@2.0.5
cat > "$folder/rules.json" <<'JSON'
[
  ["below 5", {"<": [{"var": "payout"}, 5]}, {"offer": 7}],
  ["above -1", {">": [{"var": "payout"}, -1]}, {"offer": 7}],
  ["0 to 10", {"<=": [0, {"var": "payout"}, 10]}, {"offer": 7}],
  ["not at least 5", {"!": {">=": [{"var": "payout"}, 5]}}, {"offer": 7}],
  ["below 5, with a payout", {"<": [{"var": "payout"}, 5]}, {"offer": 7, "payout": 3}],
  ["remainder of -7 by 3", {"%": [-7, 3]}, {}]
]
JSON
cat > "$folder/apply.mjs" <<'JS'
import { readFileSync } from 'node:fs';
import jsonLogic from 'json-logic-js';

const rules = JSON.parse(readFileSync(process.argv[2], 'utf8'));
console.log(JSON.stringify(Object.fromEntries(rules.map(([name, rule, body]) => [name, jsonLogic.apply(rule, body)]))));
JS
"$folder/venv/bin/python" - "$folder/rules.json" "$(node "$folder/apply.mjs" "$folder/rules.json")" <<'PY'
import json
import sys
from pathlib import Path

from json_logic import jsonLogic

in_javascript = json.loads(sys.argv[2])
in_python = {name: jsonLogic(rule, body) for name, rule, body in json.loads(Path(sys.argv[1]).read_text())}
for name, answer in in_python.items():
    print(f"{name:24} Python {answer!s:6} JavaScript {in_javascript[name]}")
assert in_python["below 5, with a payout"] is in_javascript["below 5, with a payout"] is True
for name in ("below 5", "above -1", "0 to 10"):
    assert (in_python[name], in_javascript[name]) == (False, True), f"{name}: both agree now"
assert (in_python["remainder of -7 by 3"], in_javascript["remainder of -7 by 3"]) == (2, -1)
print(f"for a missing payout, 'not at least 5': Python {in_python['not at least 5']}, JavaScript {in_javascript['not at least 5']}")
PY
