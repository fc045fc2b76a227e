#!/usr/bin/env bash
# jq for Python says that two click ids differ, and then gives both out as one and the same number.
#
# Package: jq 1.13.0 (PyPI, with its own build of jq 1.8).
#
# Expected: the digits of an id stay, or they are rounded everywhere, so that what compares as different looks different.
# Seen: `.a == .b` is false and `unique` keeps two values, because jq remembers the digits of a number that nobody has
# calculated with. The binding makes a double of each result: both come out as 23851234567890320. `tostring` gives the
# right digits, `.a + 0 == .b + 0` is true.
#
# Why it matters here: ad platforms send ids of 17 digits as JSON numbers, and jq is the usual way to pick fields of a
# webhook. A filter that has told two deals apart hands the same id on for both, and the second is taken for a repetition.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check jq==1.13.0
"$folder/venv/bin/python" - <<'PY'
import sys

import jq

DEALS = '{"a": 23851234567890321, "b": 23851234567890322}'
ASKED = {
    ".a == .b": False,
    "[.a, .b] | unique | length": 2,
    "[.a, .b]": [23851234567890320, 23851234567890320],
    "[.a, .b | tostring]": ["23851234567890321", "23851234567890322"],
    ".a + 0 == .b + 0": True,
}
seen = {program: jq.compile(program).input_text(DEALS).first() for program in ASKED}
for program, answer in seen.items():
    print(f"{program:28} {answer}")
sys.exit(0 if seen == ASKED else 1)
PY
