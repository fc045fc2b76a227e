#!/usr/bin/env bash
# Babel knows no decimals for fifteen currencies that have two or three by ISO 4217: minor units go wrong by 100 or 1000.
#
# Packages: Babel 2.19.0, iso4217 1.16.20260101.
#
# Expected: the number of decimals of a currency is a fact of ISO 4217, and a library that is asked for it says the same.
# Seen: `get_currency_precision` answers from CLDR, which is about what people write on price tags. For Hungarian forint,
# Colombian peso, Indonesian rupiah, Iraqi dinar and eleven others it says 0. `format_currency` rounds to it. Payment
# providers count minor units by ISO, so that 150.75 HUF are 15075 for them and 151 for a program that asks Babel.
#
# Why it matters here: amounts in webhooks are minor units. Dividing by 10 ** precision makes a payout of 150.75 HUF into
# 15,075; a console that formats with Babel shows payouts below 0.50 as 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check babel==2.19.0 iso4217==1.16.20260101
"$folder/venv/bin/python" - <<'PY'
from decimal import Decimal

from babel.numbers import format_currency, get_currency_precision
from iso4217 import Currency

differing = {}
for currency in Currency:
    by_iso, by_babel = currency.exponent, get_currency_precision(currency.code)
    if by_iso is not None and by_iso != by_babel:
        differing[currency.code] = (by_iso, by_babel)
print("decimals by ISO 4217 and by Babel:", differing)
assert differing["HUF"] == (2, 0)
assert differing["COP"] == (2, 0)
assert differing["IQD"] == (3, 0)
assert len(differing) == 15

minor_units = 15075  # as a payment provider writes 150.75 HUF
by_iso = Decimal(minor_units).scaleb(-Currency("HUF").exponent)
by_babel = Decimal(minor_units).scaleb(-get_currency_precision("HUF"))
print(f"{minor_units} minor units of HUF: {by_iso} by ISO, {by_babel} by Babel")
assert (by_iso, by_babel) == (Decimal("150.75"), Decimal(15075))

shown = [format_currency(Decimal(text), "COP", locale="en") for text in ("0.45", "150.75")]
print("0.45 and 150.75 COP as Babel writes them:", shown)
assert [text.removeprefix("COP").strip() for text in shown] == ["0", "151"], "two decimals are shown now"
PY
