#!/usr/bin/env bash
# The same 10 conversions of 2,000 clicks are no evidence, weak evidence or proof, by the order in which they are fed.
#
# Package: ville 0.1.0 with numpy 2.4.6.
#
# Expected: whether a rate of 0.5 % is below 1 % depends on clicks and conversions. Order matters for when the evidence was
# first strong enough, not for its strength after the same 2,000 clicks.
# Seen: `BettingTest(0.01, alternative="less")` ends with an e-value of 0.87 where the conversions come first, 16 where
# they are spread, 78 where they come last; the bound for 5 % is 20. The test bets on what it saw before, so that the
# totals do not suffice. `BernoulliTest` ends with the same e-value in all three orders.
#
# Why it matters here: reports give sums, and rows that arrive late are put where they belong. A verdict from a betting
# test cannot be made again from the numbers in its explanation, and a tracker that sorts its export the other way round
# pauses other offers. Where verdicts must be recomputable, take a test whose evidence is a function of the sums.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check ville==0.1.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import numpy
import ville


def clicks(positions):
    stream = numpy.zeros(2000)
    stream[list(positions)] = 1
    return stream


orders = {"first": clicks(range(10)), "spread": clicks(range(100, 2000, 200)), "last": clicks(range(1990, 2000))}
betting, mixture = {}, {}
for name, stream in orders.items():
    assert stream.sum() == 10 and stream.size == 2000
    betting[name] = float(ville.BettingTest(0.01, alternative="less").fit(stream).e_values_[-1])
    mixture[name] = float(ville.BernoulliTest(0.01).fit(stream).e_values_[-1])
    print(f"10 of 2,000, conversions {name:6}: betting e-value {betting[name]:6.2f}, mixture e-value {mixture[name]:.4f}")
assert betting["first"] < 1 < betting["spread"] < 20 < betting["last"], "the order matters no more"
assert max(mixture.values()) - min(mixture.values()) < 1e-9
PY
