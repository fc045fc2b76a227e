#!/usr/bin/env bash
# cronstrue describes a step as an even interval where the schedule has none: "Every 90 minutes" is every hour.
#
# Packages: cronstrue 3.39.0, cron-parser 5.10.6 (npm).
#
# Expected: a sentence for people says when the job runs, or that the line is odd.
# Seen: a step counts inside its field and begins anew with each hour. `*/90 * * * *` runs once an hour, `*/25 * * * *` with
# gaps of 25, 25 and 10 minutes, `0 */5 * * *` with a gap of 4 hours at midnight. The sentences say 90 minutes, 25 minutes and
# 5 hours.
#
# Why it matters here: schedulers show this sentence beside the field, and whoever sets the checks of a spending cap trusts
# it. Checks run more often, or unevenly, and each run may cost calls of a limited API.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund --ignore-scripts cronstrue@3.39.0 cron-parser@5.10.6 > /dev/null
cat > ask.mjs <<'JS'
import cronstrue from "cronstrue";
import { CronExpressionParser } from "cron-parser";

const gaps = (line) => {
  // A cron field of minutes ends at 59, so that a step of 90 leaves only minute 0; cron-parser wants it written so.
  const schedule = CronExpressionParser.parse(line.replace("*/90", "0"), { currentDate: new Date("2026-11-23T23:59:30Z"), tz: "UTC" });
  const runs = Array.from({ length: 26 }, () => schedule.next().toDate().getTime() / 60000);
  return [...new Set(runs.slice(1).map((run, place) => run - runs[place]))].sort((a, b) => a - b);
};
let same = true;
for (const [line, sentence, minutes] of [
  ["*/90 * * * *", "Every 90 minutes", "60"],
  ["*/25 * * * *", "Every 25 minutes", "10,25"],
  ["0 */5 * * *", "On the hour, every 5 hours", "240,300"],
]) {
  const said = cronstrue.toString(line);
  console.log(`${line}: "${said}", minutes between runs: ${gaps(line)}`);
  same &&= said === sentence && gaps(line).join() === minutes;
}
process.exit(same ? 0 : 1);
JS
node ask.mjs
