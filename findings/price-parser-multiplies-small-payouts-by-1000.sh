#!/usr/bin/env bash
# A payout of 0.125 USD is read as 125 USD, and a clawback of -5.00 as an income of 5.00.
#
# Package: price-parser 0.5.1.
#
# Expected: a parser of prices may doubt whether 1.125 means 1,125; it does not doubt 0.125, because no thousands begin
# with zero. And a minus sign stays.
# Seen: exactly three digits behind the only point or comma are always taken for thousands, behind a zero too. Two or four
# digits are decimals, so that neighbours in one column differ by a factor of a thousand. `decimal_separator="."` cures
# this part; nothing brings back minus signs and accounting brackets, which are dropped without a word.
#
# Why it matters here: payouts per click, per install and per impression have three decimals every day. A budget rule sees
# spend a thousand times too high and pauses everything; a reversed conversion counts as a second one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check price-parser==0.5.1
"$folder/venv/bin/python" - <<'PY'
from price_parser import Price

column = ["0.12 USD", "0.125 USD", "0.1250 USD", "€0,125", "$1.375", "-5.00 USD", "($5.00)", "5,00-"]
read = {text: str(Price.fromstring(text).amount) for text in column}
for text, amount in read.items():
    print(f"{text:>12}  ->  {amount}")
assert read["0.12 USD"] == "0.12"
assert read["0.1250 USD"] == "0.1250"
assert read["0.125 USD"] == "125", "three decimals behind a zero are decimals now"
assert read["€0,125"] == "125"
assert read["$1.375"] == "1375"
told = Price.fromstring("0.125 USD", decimal_separator="."), Price.fromstring("-5.00 USD", decimal_separator=".")
print("told that the point is decimal:", *(price.amount for price in told))
assert [str(price.amount) for price in told] == ["0.125", "5.00"]
assert read["-5.00 USD"] == read["($5.00)"] == read["5,00-"] == "5.00", "the sign is kept now"
PY
