#!/usr/bin/env bash
# After a real collapse of the conversion rate a confidence sequence has its lower end above its upper end.
#
# Package: ville 0.1.0 with numpy 2.4.6.
#
# Expected: an interval that may be looked at all day widens or moves when the rate changes; or the library says that its
# assumption, one constant rate, no longer holds.
# Seen: the sequences keep the narrowest ends they ever had (`intersect=True` unless told otherwise). 3,000 clicks at 5 %
# and then 3,000 at 0.1 % give an interval from 0.0361 to 0.0347, without a warning and without a NaN. With
# `intersect=False` the ends stay in order.
#
# Why it matters here: collapses are what a network looks for. "Pause when the upper end is below the threshold" and
# "release when the lower end is above it" are both true at once, so that the item is paused and released in turn.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check ville==0.1.0 numpy==2.4.6
"$folder/venv/bin/python" -W error - <<'PY'
import numpy
import ville

clicks = numpy.zeros(6000)
clicks[10:3000:20] = 1  # 150 conversions of 3,000 clicks: 5 %
clicks[3500::1000] = 1  # then 3 of 3,000: 0.1 %

for kind in (ville.BernoulliCS, ville.BettingCS, ville.EmpiricalBernsteinCS):
    options = {"grid": 2000} if kind is ville.BettingCS else {}
    before, after = (kind(**options).fit(clicks[:count]).interval() for count in (3000, 6000))
    print(f"{kind.__name__:21} after 3,000 clicks {before[0]:.4f} to {before[1]:.4f}, after 6,000 {after[0]:.4f} to {after[1]:.4f}")
    assert before[0] < 0.05 < before[1]

lower, upper = ville.BernoulliCS().fit(clicks).interval()
assert round(float(lower), 4) == 0.0361 and round(float(upper), 4) == 0.0347, "the ends are in order now"
print("paused below 0.036:", bool(upper < 0.036), "and released above 0.035:", bool(lower > 0.035))
assert upper < 0.036 and lower > 0.035

lower, upper = ville.BernoulliCS(intersect=False).fit(clicks).interval()
print(f"with intersect=False  {lower:.4f} to {upper:.4f}")
assert lower < upper
PY
