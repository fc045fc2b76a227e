#!/usr/bin/env bash
# `sarif --check error` fails for results that the file marks as gone or as suppressed.
#
# Packages: sarif-tools 3.0.5.
#
# Expected: SARIF 2.1.0 says of a result with `baselineState: absent` that it was there in the earlier run and is there no
# longer, and of one with an accepted suppression that somebody chose not to be told. Neither is an error of today.
# Seen: both count as errors in the summary, in the CSV and for the exit code. A file with nothing but repaired results fails
# the build with "issues at or above error severity".
#
# Why it matters here: a checker that compares with the main branch writes `absent` for every rule file that a pull request
# repairs. The more a pull request repairs, the redder it gets.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check sarif-tools==3.0.5
cat > "$folder/write.py" <<'PY'
import json
import sys
from pathlib import Path

folder = Path(sys.argv[1])
ABSENT, SUPPRESSED, PASSED = {"baselineState": "absent"}, {"suppressions": [{"kind": "inSource"}]}, {"kind": "pass", "level": "none"}
for name, marks in (("new", {"baselineState": "new"}), ("absent", ABSENT), ("suppressed", SUPPRESSED), ("passed", PASSED)):
    place = {"physicalLocation": {"artifactLocation": {"uri": "rules/offer-cr.yaml"}, "region": {"startLine": 7}}}
    result = {"ruleId": "threshold", "level": "error", "message": {"text": "no threshold"}, "locations": [place]} | marks
    run = {"tool": {"driver": {"name": "checker"}}, "results": [result]}
    (folder / f"{name}.sarif").write_text(json.dumps({"version": "2.1.0", "runs": [run]}))
PY
"$folder/venv/bin/python" "$folder/write.py" "$folder"
errors_of() { local code=0; "$folder/venv/bin/sarif" --check error summary "$folder/$1.sarif" > /dev/null 2>&1 || code=$?; echo "$code"; }
said=""
for name in new absent suppressed passed; do
  code=$(errors_of "$name")
  echo "one result, $name: exit code $code"
  said="$said $name=$code"
done
[ "$said" = " new=1 absent=1 suppressed=1 passed=0" ]
