#!/usr/bin/env bash
# `toText()` says "every month on weekdays" of a job that runs once a month, and "every day at 9" of one that runs at 9:30.
#
# Packages: rrule 2.8.1 (npm).
#
# Expected: a sentence that fits the dates which the same object lists, or none (`isFullyConvertibleToText()`).
# Seen: BYSETPOS (the last working day), BYMINUTE and the BYHOUR of hourly and weekly rules are left out of the sentence,
# and `isFullyConvertibleToText()` says true all the same.
#
# Why it matters here: payout runs are "on the last working day of the month". Whoever sets one reads the sentence beside the
# field, and it promises a run on each working day.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund --ignore-scripts rrule@2.8.1 > /dev/null
cat > ask.mjs <<'JS'
import rrule from "rrule";

const { rrulestr } = rrule;
const start = "DTSTART:20260601T000000Z\nRRULE:";
let same = true;
for (const [rule, sentence, runsInJune] of [
  ["FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "every month on weekdays", 1],
  ["FREQ=DAILY;BYHOUR=9;BYMINUTE=30;BYSECOND=0", "every day at 9", 30],
  ["FREQ=HOURLY;BYHOUR=9,12,15;BYMINUTE=0;BYSECOND=0", "every hour", 90],
  ["FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=8,20;BYMINUTE=0;BYSECOND=0", "every weekday", 44],
]) {
  const parsed = rrulestr(start + rule);
  const runs = parsed.between(new Date("2026-06-01T00:00:00Z"), new Date("2026-06-30T23:59:59Z"), true);
  const said = parsed.toText();
  console.log(`${rule}\n  "${said}"; convertible: ${parsed.isFullyConvertibleToText()}; runs in June 2026: ${runs.length}, first ${runs[0].toISOString()}`);
  same &&= said === sentence && runs.length === runsInJune;
}
process.exit(same ? 0 : 1);
JS
node ask.mjs
