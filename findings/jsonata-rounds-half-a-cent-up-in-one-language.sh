#!/usr/bin/env bash
# `$formatNumber(0.005, "0.00")` is "0.00" in JavaScript and "0.01" in Python; `$round` agrees in both.
#
# Packages: jsonata-python 0.7.1 (PyPI), jsonata 2.2.2 (npm).
#
# Expected: JSONata takes `$formatNumber` from XPath's format-number, which rounds half to even, as `$round` does. A port gives
# what the original gives.
# Seen: the Python port rounds half away from zero when it formats, and half to even when it rounds: 0.125 is 13% and 0.12 in
# one expression.
#
# Why it matters here: webhooks are mapped with JSONata on the way in (JavaScript) and checked again on the way out (Python).
# Amounts of half a cent and rates such as 12.5 % differ by one unit, so that a signature or a comparison of texts fails for a
# few rows in a hundred.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check jsonata-python==0.7.1
cd "$folder"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund --ignore-scripts jsonata@2.2.2 > /dev/null
cat > expressions.json <<'JSON'
["$formatNumber(0.005, \"0.00\")", "$formatNumber(0.125, \"0%\")", "$formatNumber(2.5, \"0\")", "$round(0.125, 2)", "$round(2.5)"]
JSON
cat > ask.py <<'PY'
import json

from jsonata import Jsonata

print(json.dumps([str(Jsonata(text).evaluate({})) for text in json.load(open("expressions.json"))]))
PY
cat > ask.mjs <<'JS'
import fs from "fs";
import jsonata from "jsonata";

const expressions = JSON.parse(fs.readFileSync("expressions.json", "utf8"));
const python = JSON.parse(process.argv[2]);
const javascript = [];
for (const text of expressions) javascript.push(String(await jsonata(text).evaluate({})));
expressions.forEach((text, place) => console.log(`${text}: JavaScript ${javascript[place]}, Python ${python[place]}`));
const same = javascript.join(" ") === "0.00 12% 2 0.12 2" && python.join(" ") === "0.01 13% 3 0.12 2";
process.exit(same ? 0 : 1);
JS
node ask.mjs "$("$folder/venv/bin/python" ask.py)"
