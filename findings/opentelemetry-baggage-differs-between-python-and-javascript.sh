#!/usr/bin/env bash
# The baggage "Black Friday" of a Python service arrives in JavaScript as "Black+Friday", and a property becomes part of a value.
#
# Packages: opentelemetry-api 1.45.2 (PyPI), @opentelemetry/core 2.12.1, @opentelemetry/api 1.9.1 (npm).
#
# Expected: W3C Baggage has percent encoding only, in which a plus is a plus; what stands behind a semicolon are properties of
# the entry, not its value. Two SDKs of one project agree.
# Seen: Python encodes a space as `+` and decodes `+` as a space, as HTML forms do; JavaScript does neither. From
# `tier=gold;ttl=60` Python reads the value "gold;ttl=60", JavaScript "gold".
#
# Why it matters here: campaign and sub id travel as baggage from the click server (JavaScript) to the workers (Python) and
# back. Reports that group by them get two campaigns, and an equality of a rule holds in one half of the system.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check opentelemetry-api==1.45.2
cat > "$folder/ask.py" <<'PY'
import json

from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator

wire, propagator = {}, W3CBaggagePropagator()
propagator.inject(wire, baggage.set_baggage("campaign", "Black Friday"))


def read(header):
    return next(iter(baggage.get_all(propagator.extract({"baggage": header})).values()))


print(json.dumps({"sent": wire["baggage"], "plus": read("sub=a+b"), "tier": read("tier=gold;ttl=60")}))
PY
cd "$folder"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @opentelemetry/core@2.12.1 @opentelemetry/api@1.9.1 > /dev/null
cat > ask.mjs <<'JS'
import { ROOT_CONTEXT, defaultTextMapGetter, propagation } from "@opentelemetry/api";
import { W3CBaggagePropagator } from "@opentelemetry/core";

const python = JSON.parse(process.argv[2]);
const read = (header) => {
  const context = new W3CBaggagePropagator().extract(ROOT_CONTEXT, { baggage: header }, defaultTextMapGetter);
  return propagation.getBaggage(context).getAllEntries()[0][1].value;
};
const arrived = read(python.sent);
console.log(`"Black Friday" from Python, on the wire "${python.sent}": JavaScript reads "${arrived}"`);
console.log(`sub=a+b: Python "${python.plus}", JavaScript "${read("sub=a+b")}"`);
console.log(`tier=gold;ttl=60: Python "${python.tier}", JavaScript "${read("tier=gold;ttl=60")}"`);
const same = arrived === "Black+Friday" && python.plus === "a b" && read("sub=a+b") === "a+b";
process.exit(same && python.tier === "gold;ttl=60" && read("tier=gold;ttl=60") === "gold" ? 0 : 1);
JS
node ask.mjs "$("$folder/venv/bin/python" ask.py)"
