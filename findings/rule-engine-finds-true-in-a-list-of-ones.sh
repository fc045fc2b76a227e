#!/usr/bin/env bash
# In rule-engine true does not equal 1, and yet it is found in a list that holds 1.
#
# Packages: rule-engine 5.1.0.
#
# Expected: `value in [1, 2]` says the same as `value == 1 or value == 2`.
# Seen: `==` compares types first, so that true is not 1. `in` asks Python, for which True equals 1. A check with `in` says
# yes and its spelled-out form says no for the same event, and a list of booleans holds the number 1.
#
# Why it matters here: senders write `"test": true` where others write 1. A rule that is rewritten from a chain of `or` to
# a list begins to match events that it never matched.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check rule-engine==5.1.0
"$folder/venv/bin/python" - <<'PY'
from rule_engine import Rule

event = {"level": True, "flags": [True, False]}
seen = {text: Rule(text).matches(event) for text in ("level in [1, 2]", "level == 1 or level == 2", "1 in flags")}
print(seen)
assert seen == {"level in [1, 2]": True, "level == 1 or level == 2": False, "1 in flags": True}
PY
