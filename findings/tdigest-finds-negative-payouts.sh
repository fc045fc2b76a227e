#!/usr/bin/env bash
# 95 payouts of 0 and 5 of 100 have a first percentile of -93 and a 90th of 85.
#
# Packages: tdigest 0.5.2.2.
#
# Expected: a quantile lies between the smallest and the largest value, and in a block of equal values it is that value.
# Seen: the package joins the mean of one centroid to the next by a straight line and goes on with the same slope beyond the
# first one, so that numbers appear which nobody sent, negative ones among them.
#
# Why it matters here: payouts, order values and times to conversion are mostly zero with a few large values. A rule "median
# payout above 3" fires, and an alert shows a payout of -93.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check tdigest==0.5.2.2
"$folder/venv/bin/python" - <<'PY'
import statistics

from tdigest import TDigest

payouts = [0.0] * 95 + [100.0] * 5
digest = TDigest()
digest.batch_update(payouts)
true = statistics.quantiles(payouts, n=100, method="inclusive")
found = {percent: round(digest.percentile(percent), 1) for percent in (1, 50, 90, 99)}
for percent, value in found.items():
    print(f"percentile {percent:2}: {value:6} by tdigest, {true[percent - 1]:5} by the standard library")
assert found[1] < 0 and found[50] > 0 and found[90] > 50, found
PY
