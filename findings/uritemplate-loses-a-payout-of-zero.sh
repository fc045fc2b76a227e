#!/usr/bin/env bash
# A number 0 in a URI template comes out as nothing: `payout=` in Python, `payout=0` in JavaScript.
#
# Packages: uritemplate 4.2.0 (PyPI), url-template 3.1.1 (npm).
#
# Expected: RFC 6570 leaves out a variable that is undefined or null. Zero is neither, and two implementations of one RFC give
# one address.
# Seen: the Python package writes the name with an empty value for 0, 0.0 and False; for the text "0" it writes 0.
#
# Why it matters here: postback templates are URI templates, and a payout of 0 is a fact: a trial, a reversal, a lead without
# commission. `payout=` says "not known", so that a tracker books its default payout.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check uritemplate==4.2.0
cat > "$folder/ask.py" <<'PY'
import json
import uritemplate

TEMPLATE = "https://tracker.example/postback{?click,payout}"
print(json.dumps([uritemplate.expand(TEMPLATE, click="c1", payout=payout) for payout in (0, 0.0, "0", 8, None)]))
PY
cd "$folder"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund --ignore-scripts url-template@3.1.1 > /dev/null
cat > ask.mjs <<'JS'
import { parseTemplate } from "url-template";

const template = parseTemplate("https://tracker.example/postback{?click,payout}");
const python = JSON.parse(process.argv[2]);
const javascript = [0, 0.0, "0", 8, null].map((payout) => template.expand({ click: "c1", payout }));
["0", "0.0", '"0"', "8", "nothing"].forEach((payout, place) => {
  console.log(`payout ${payout}`);
  console.log(`  Python     ${python[place]}`);
  console.log(`  JavaScript ${javascript[place]}`);
});
const start = "https://tracker.example/postback?click=c1";
const same =
  python.join() === [`${start}&payout=`, `${start}&payout=`, `${start}&payout=0`, `${start}&payout=8`, start].join() &&
  javascript.join() === [`${start}&payout=0`, `${start}&payout=0`, `${start}&payout=0`, `${start}&payout=8`, start].join();
process.exit(same ? 0 : 1);
JS
node ask.mjs "$("$folder/venv/bin/python" ask.py)"
