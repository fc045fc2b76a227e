#!/usr/bin/env bash
# One histogram, served by a Python and a JavaScript process, has the buckets `le="1"` and `le="1.0"`.
#
# Packages: prometheus-client 0.26.0 (PyPI), prom-client 15.1.3 (npm).
#
# Expected: clients of one project's format name one bucket alike. OpenMetrics 1.0 demands `1.0` for whole bounds, and `_total`
# at the end of each counter.
# Seen: JavaScript writes `le="1"`, in its OpenMetrics output too, and in the text format calls the counter `clicks` what Python
# calls `clicks_total`. A server that keeps label values as they came (Prometheus 2, VictoriaMetrics) holds two series.
#
# Why it matters here: click servers in JavaScript and workers in Python share one dashboard. `sum by (le)` gives two half
# histograms for whole bounds and one for 0.5, and a quantile over them is wrong; an alert on `clicks_total` sees half.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check prometheus-client==0.26.0
cat > "$folder/ask.py" <<'PY'
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

registry = CollectorRegistry()
Counter("clicks", "Clicks", registry=registry).inc()
Histogram("answer_seconds", "Time", buckets=[0.5, 1, 10], registry=registry).observe(0.7)
print(generate_latest(registry).decode())
PY
cd "$folder"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund --ignore-scripts prom-client@15.1.3 > /dev/null
cat > ask.mjs <<'JS'
import client from "prom-client";

const registry = new client.Registry(process.argv[2] === "openmetrics" ? client.Registry.OPENMETRICS_CONTENT_TYPE : undefined);
new client.Counter({ name: "clicks", help: "Clicks", registers: [registry] }).inc();
new client.Histogram({ name: "answer_seconds", help: "Time", buckets: [0.5, 1, 10], registers: [registry] }).observe(0.7);
console.log(await registry.metrics());
JS
names() { grep -v '^#' | grep -oE '^clicks(_total)? |le="[^"]*"' | tr -d ' ' | tr '\n' ' '; }
python=$("$folder/venv/bin/python" ask.py | names)
text=$(node ask.mjs | names)
open=$(node ask.mjs openmetrics | names)
echo "Python:                  $python"
echo "JavaScript, text:        $text"
echo "JavaScript, OpenMetrics: $open"
[ "$python" = 'clicks_total le="0.5" le="1.0" le="10.0" le="+Inf" ' ]
[ "$text" = 'le="0.5" le="1" le="10" le="+Inf" clicks ' ] || [ "$text" = 'clicks le="0.5" le="1" le="10" le="+Inf" ' ]
echo "$open" | grep -q 'le="1" '
