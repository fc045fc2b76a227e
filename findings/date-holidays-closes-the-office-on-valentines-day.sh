#!/usr/bin/env bash
# `isHoliday()` is truthy on Valentine's Day, on Mother's Day and on Tax Day.
#
# Packages: date-holidays 3.37.0 (npm), holidays 0.109 (PyPI) beside it.
#
# Expected: a calendar of public holidays says no on days when everybody works, as the package of the same name in Python does.
# Seen: the answer is a list of entries of every type, and `observance` is one. `if (calendar.isHoliday(now))` is true at noon of
# 8 days of 2027 in the United States that are no public holidays, unless each entry is asked for its type, or the calendar was
# made with `types: ["public"]`.
#
# Why it matters here: rules relax thresholds and hold payouts on holidays. Valentine's Day and the day after Thanksgiving are
# the days with the most traffic, and just then the rules sleep.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check holidays==0.109
cd "$folder"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund --ignore-scripts date-holidays@3.37.0 > /dev/null
cat > ask.mjs <<'JS'
import Holidays from "date-holidays";

const calendar = new Holidays("US", { timezone: "UTC" });
const onlyPublic = new Holidays("US", { timezone: "UTC", types: ["public"] });
const days = Array.from({ length: 365 }, (_, day) => new Date(Date.UTC(2027, 0, 1 + day, 12)));
const extra = days.filter((day) => calendar.isHoliday(day) && !onlyPublic.isHoliday(day)).map((day) => day.toISOString().slice(0, 10));
console.log(extra.join(" "));
JS
extra=$(node ask.mjs)
echo "truthy for date-holidays and no public holiday of 2027: $extra"
"$folder/venv/bin/python" - "$extra" <<'PY'
import sys
from datetime import date

import holidays

extra = [date.fromisoformat(day) for day in sys.argv[1].split()]
known = [str(day) for day in extra if day in holidays.country_holidays("US", years=2027)]
print(f"days: {len(extra)}; of these a holiday for Python's holidays: {known}")
assert date(2027, 2, 14) in extra and date(2027, 4, 15) in extra and len(extra) == 8
assert date(2027, 2, 14) not in holidays.country_holidays("US", years=2027)
PY
