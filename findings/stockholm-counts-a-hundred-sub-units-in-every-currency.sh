#!/usr/bin/env bash
# A money class with currencies turns 1000 yen into 100000 sub-units, and 1 dinar into 100.
#
# Packages: stockholm 0.5.7, py-moneyed 3.0.
#
# Expected: `Money("1000", "JPY").sub_units` gives what payment providers call minor units: 1000 for yen, which has none,
# and 1000 for one Kuwaiti dinar, which has three decimals. The currency is part of the object.
# Seen: stockholm multiplies by 100 whatever the currency is. The way back divides by 100, so that a round trip within the
# library looks right. py-moneyed, given the same amounts, follows ISO 4217.
#
# Why it matters here: payouts go to banks and payment providers in minor units. A payout in yen leaves a hundred times too
# large, one in Kuwaiti dinar ten times too small, and tests with dollars and euros are green.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check stockholm==0.5.7 py-moneyed==3.0
"$folder/venv/bin/python" - <<'PY'
import moneyed
import stockholm

wanted = {("12.34", "EUR"): 1234, ("1000", "JPY"): 1000, ("1", "KWD"): 1000}
for (amount, code), units in wanted.items():
    one = int(stockholm.Money(amount, code).sub_units)
    other = moneyed.Money(amount, code).get_amount_in_sub_unit()
    back = stockholm.Money.from_sub_units(units, code)
    print(f"{amount:>6} {code}: minor units {units}, stockholm {one}, py-moneyed {other}; {units} read back by stockholm: {back}")
    assert other == units
assert int(stockholm.Money("12.34", "EUR").sub_units) == 1234
assert int(stockholm.Money("1000", "JPY").sub_units) == 100000, "the currency's decimals are used now"
assert int(stockholm.Money("1", "KWD").sub_units) == 100
assert stockholm.Money.from_sub_units(1000, "JPY") == stockholm.Money("10", "JPY")
PY
