#!/usr/bin/env bash
# The German calendar finds the Day of German Unity under "10/03/2027" and not under "03.10.2027".
#
# Package: holidays 0.109 with python-dateutil 2.9.0.post0.
#
# Expected: a calendar that was made for a country, and that takes dates as text, reads the country's own way of writing
# them, or it takes only the ISO form and raises for the rest.
# Seen: every text is read month first, with points and with slashes, in the calendars of Germany, France and Britain. If
# that is impossible, because the first number is above 12, the same text form is read day first: "31.10.2027" is right,
# "03.10.2027" is the tenth of March. Nothing is raised.
#
# Why it matters here: payout tables and CRM exports bring dates as text. Payments are put off on 10 March and leave on 3
# October, and all dates whose day is above 12, three of five, pass every test.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check holidays==0.109 python-dateutil==2.9.0.post0
"$folder/venv/bin/python" - <<'PY'
import holidays

germany = holidays.country_holidays("DE", years=2027, language="en_US")
saxony = holidays.country_holidays("DE", subdiv="SN", years=2027, language="en_US")
for text in ("2027-10-03", "03.10.2027", "03/10/2027", "10/03/2027", "10.03.2027"):
    print(f"{text}  {germany.get(text)}")
print(f"31.10.2027  {saxony.get('31.10.2027')} (Saxony)")
assert germany.get("2027-10-03") == "German Unity Day"
assert germany.get("03.10.2027") is germany.get("03/10/2027") is None, "the day comes first now"
assert germany.get("10/03/2027") == germany.get("10.03.2027") == "German Unity Day"
assert saxony.get("31.10.2027") == "Reformation Day"
assert "05/01/2027" in holidays.country_holidays("FR") and "01/05/2027" not in holidays.country_holidays("FR")
PY
