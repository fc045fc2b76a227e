#!/usr/bin/env bash
# humanfriendly reads one year as 364 days, and writes 365 days as a year and a day; other libraries say 365 or 365.25.
#
# Packages: humanfriendly 10.0, pytimeparse2 1.7.1 (PyPI), parse-duration 2.1.9 (npm).
#
# Expected: a year in a setting is 365 days, or the question is refused because years differ.
# Seen: humanfriendly counts 52 weeks for a year. The same text is 365 days for pytimeparse2, 365.25 for parse-duration.
# A capital M means a minute for all three, as in "keep 1M of clicks".
#
# Why it matters here: "keep events for 1y" deletes a day early, before the same day of last year can be compared with, and
# two services that share one setting delete at different times.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check humanfriendly==10.0 pytimeparse2==1.7.1
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts parse-duration@2.1.9 > /dev/null
"$folder/venv/bin/python" - <<'PY'
import humanfriendly
import pytimeparse2

DAY = 86400
print("1y in days:", humanfriendly.parse_timespan("1y") / DAY, "by humanfriendly,", pytimeparse2.parse("1y") / DAY, "by pytimeparse2")
print("365 days written by humanfriendly:", humanfriendly.format_timespan(365 * DAY))
print("1M in seconds:", humanfriendly.parse_timespan("1M"), pytimeparse2.parse("1M"))
assert humanfriendly.parse_timespan("1y") == 364 * DAY
assert pytimeparse2.parse("1y") == 365 * DAY
assert humanfriendly.format_timespan(365 * DAY) == "1 year and 1 day"
assert humanfriendly.parse_timespan("1M") == pytimeparse2.parse("1M") == 60
PY
cat > ask.mjs <<'JS'
import parse from "parse-duration";
const days = parse("1y") / 86400000;
console.log("1y in days:", days, "by parse-duration; 1M in seconds:", parse("1M") / 1000);
if (days !== 365.25 || parse("1M") !== 60000) process.exit(1);
JS
node ask.mjs
