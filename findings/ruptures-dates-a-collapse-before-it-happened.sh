#!/usr/bin/env bash
# A collapse in hour 62 is dated to hour 60 by three searches of one package, at whatever hour it really happened.
#
# Package: ruptures 1.1.10.
#
# Expected: in data that fall from 40 conversions an hour to 5, without any noise worth the name, the search finds the hour.
# Seen: the searches look at every fifth position only (`jump=5` is the default), so breaks lie in hours 0,
# 5, 10 and so on. A collapse in hour 62 is found in hour 60, one in hour 64 in hour 65. With `jump=1` both are exact.
#
# Why it matters here: the hour of a break decides which clicks are to blame, which conversions are asked for again and
# what a partner is told. Two hours too early it lies before the deployment that caused it, and nobody looks there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check ruptures==1.1.10 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import ruptures


def found(hour, **options):
    random = np.random.default_rng(1)
    hourly = np.concatenate([random.poisson(40, hour), random.poisson(5, 120 - hour)]).astype(float)
    searches = {
        "Pelt": ruptures.Pelt(model="l2", **options).fit(hourly).predict(pen=500),
        "Binseg": ruptures.Binseg(model="l2", **options).fit(hourly).predict(n_bkps=1),
        "Dynp": ruptures.Dynp(model="l2", **options).fit(hourly).predict(n_bkps=1),
    }
    return {name: breaks[0] for name, breaks in searches.items()}


seen = {hour: (found(hour), found(hour, jump=1)) for hour in (62, 64)}
for hour, (default, exact) in seen.items():
    print(f"collapse in hour {hour}: by default {default}; with jump=1 {exact}")
ok = all(set(default.values()) == {5 * round(hour / 5)} and set(exact.values()) == {hour} for hour, (default, exact) in seen.items())
sys.exit(0 if ok else 1)
PY
