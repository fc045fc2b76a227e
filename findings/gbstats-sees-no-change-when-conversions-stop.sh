#!/usr/bin/env bash
# A conversion rate that falls from 2% to nothing is "no change, p = 1"; one that falls to 1 in 5,000 is certain.
#
# Package: gbstats 0.8.0 (the statistics of GrowthBook).
#
# Expected: 0 of 5,000 beside 100 of 5,000 is stronger evidence than 1 of 5,000 beside 100 of 5,000.
# Seen: with one conversion the p-value is 0 and the uplift -99%. With none the variance is zero, and the result is an
# uplift of 0 with the interval [0, 0] and p = 1; only a field `error_message` says why. The sequential test, made for
# being looked at all day, answers the same.
#
# Why it matters here: conversions that stop altogether, by a broken pixel or a landing page that is gone, are the case
# that an alarm is for. It is the one case in which this one stays quiet.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check gbstats==0.8.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys

from gbstats.frequentist.tests import FrequentistConfig, SequentialConfig, SequentialTwoSidedTTest, TwoSidedTTest
from gbstats.models.statistics import ProportionStatistic


def judged(test, config, conversions):
    before, now = ProportionStatistic(n=5000, sum=100), ProportionStatistic(n=5000, sum=conversions)
    found = test(before, now, config).compute_result()
    print(f"{test.__name__:24} 100 beside {conversions} of 5,000: uplift {found.expected:+.0%}, interval {found.ci}, "
          f"p = {found.p_value}, {found.error_message}")
    return found.expected, found.p_value


seen = [
    judged(test, config, conversions)
    for test, config in ((TwoSidedTTest, FrequentistConfig()), (SequentialTwoSidedTTest, SequentialConfig()))
    for conversions in (1, 0)
]
fell, stopped = seen[0::2], seen[1::2]
ok = all(uplift < -0.9 and p < 0.001 for uplift, p in fell) and all(uplift == 0 and p == 1 for uplift, p in stopped)
sys.exit(0 if ok else 1)
PY
