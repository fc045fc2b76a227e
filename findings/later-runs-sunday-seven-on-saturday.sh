#!/usr/bin/env bash
# In later, day 7 of a cron line is Saturday and 0 is Sunday: a weekly job moves by a day, without an error.
#
# Packages: @breejs/later 4.2.0, cron-parser 5.10.6 (npm).
#
# Expected: 0 and 7 both mean Sunday in the fifth field of a cron line, as in every crontab since the eighties.
# Seen: later counts days from 1 for Sunday and adds one to the field, so that 7 falls on its last day, Saturday. `5-7` is
# Friday and Saturday instead of Friday to Sunday. `SUN` and 0 are right.
#
# Why it matters here: bree, the job runner, takes cron lines through this package. A payout run `0 0 * * 7` is a day early,
# before the week's last conversions are in.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @breejs/later@4.2.0 cron-parser@5.10.6 > /dev/null
cat > ask.mjs <<'JS'
import later from "@breejs/later";
import { CronExpressionParser } from "cron-parser";

const from = new Date("2026-11-23T12:00:00Z"); // a Monday
const names = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const day = (date) => names[date.getUTCDay()];
let same = true;
for (const [line, expected] of [["0 0 * * 7", "Saturday"], ["0 0 * * 0", "Sunday"], ["0 0 * * SUN", "Sunday"]]) {
  const one = day(later.schedule(later.parse.cron(line)).next(1, from));
  const other = day(CronExpressionParser.parse(line, { currentDate: from, tz: "UTC" }).next().toDate());
  console.log(`${line}: ${one} by later, ${other} by cron-parser`);
  same &&= one === expected && other === "Sunday";
}
process.exit(same ? 0 : 1);
JS
node ask.mjs
