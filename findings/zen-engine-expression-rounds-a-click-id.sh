#!/usr/bin/env bash
# A rule engine keeps a long click id to the last digit in a decision, and rounds it in an expression.
#
# Package: zen-engine 2.1.3.
#
# Expected: `evaluate_expression("click_id", ...)` and a decision with the expression `click_id` give the same value. The
# engine calculates with exact decimals: 0.1 + 0.2 is 0.3, and ids that differ in the last digit are not equal.
# Seen: the decision gives the int 1795939200123456789. The expression gives the float 1795939200123456768.0; whole
# numbers of any size come back as floats there. Inside, both are exact: `string(click_id)` has all digits.
#
# Why it matters here: click and transaction ids of trackers are whole numbers of 18 and 19 digits. Whoever tries a rule
# with the short form and goes live with it approves or rejects a conversion that does not exist, or somebody else's.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check zen-engine==2.1.3
"$folder/venv/bin/python" - <<'PY'
import json

import zen

BODY = {"click_id": 1795939200123456789}
PLACE = {"x": 0, "y": 0}


def by_decision(expression):
    work = {"expressions": [{"id": "1", "key": "answer", "value": expression}], "passThrough": False}
    nodes = [
        {"id": "in", "type": "inputNode", "name": "in", "position": PLACE},
        {"id": "work", "type": "expressionNode", "name": "work", "position": PLACE, "content": work},
        {"id": "out", "type": "outputNode", "name": "out", "position": PLACE},
    ]
    edges = [{"id": f"{a}-{b}", "type": "edge", "sourceId": a, "targetId": b} for a, b in (("in", "work"), ("work", "out"))]
    decision = zen.ZenEngine().create_decision(json.dumps({"nodes": nodes, "edges": edges}))
    return decision.evaluate(BODY)["result"]["answer"]


for expression in ("click_id", "string(click_id)", "click_id == 1795939200123456788", "0.1 + 0.2 == 0.3"):
    print(f"{expression:34} decision {by_decision(expression)!r:24} expression {zen.evaluate_expression(expression, BODY)!r}")
assert by_decision("click_id") == BODY["click_id"]
rounded = zen.evaluate_expression("click_id", BODY)
assert isinstance(rounded, float) and int(rounded) == 1795939200123456768, "the expression is exact now"
assert zen.evaluate_expression("string(click_id)", BODY) == "1795939200123456789"
assert zen.evaluate_expression("click_id == 1795939200123456788", BODY) is False
assert zen.evaluate_expression("0.1 + 0.2 == 0.3", {}) is True
PY
