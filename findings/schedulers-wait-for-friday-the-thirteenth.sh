#!/usr/bin/env bash
# `0 0 13 * 5` runs on each Friday and each 13th for some schedulers, and only on a Friday the 13th for others.
#
# Packages: node-cron 4.6.0, cron 4.4.0 (npm), crontab 1.0.5, cron-converter 2.0.2, pycron 3.3.0, cron-descriptor 2.2.1 (PyPI).
#
# Expected: where the day of the month and the day of the week are both restricted, cron runs when either fits (POSIX, crontab).
# Seen: node-cron, crontab and cron-converter demand both: 1 run in November and December 2026, where cron and pycron have 9.
# cron-descriptor says "or on Friday" in words.
#
# Why it matters here: "on the 1st, on the 15th and each Monday" is a common payout schedule. With the wrong package it runs
# three or four times a year, and the sentence beside the field reads well.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check crontab==1.0.5 cron-converter==2.0.2 pycron==3.3.0 cron-descriptor==2.2.1
cat > "$folder/ask.py" <<'PY'
from datetime import datetime, timedelta

import pycron
from cron_converter import Cron
from cron_descriptor import get_description
from crontab import CronTab

LINE = "0 0 13 * 5"
FIRST, LAST = datetime(2026, 11, 1), datetime(2026, 12, 31)


def of_crontab():
    now, runs = FIRST - timedelta(seconds=1), 0
    while (now := now + timedelta(seconds=CronTab(LINE).next(now, default_utc=True))) <= LAST:
        runs += 1
    return runs


def of_cron_converter():
    schedule, runs = Cron(LINE).schedule(FIRST), 0
    while schedule.next().replace(tzinfo=None) <= LAST:
        runs += 1
    return runs


days = [FIRST + timedelta(days=day) for day in range((LAST - FIRST).days + 1)]
runs = {"crontab": of_crontab(), "cron-converter": of_cron_converter(), "pycron": sum(pycron.is_now(LINE, day) for day in days)}
print(f'{LINE}, cron-descriptor: "{get_description(LINE)}"; runs in two months: {runs}')
assert runs == {"crontab": 1, "cron-converter": 1, "pycron": 9}, runs
assert get_description(LINE).endswith("on day 13 of the month, or on Friday")
PY
"$folder/venv/bin/python" "$folder/ask.py"
cd "$folder"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund --ignore-scripts node-cron@4.6.0 cron@4.4.0 > /dev/null
cat > ask.mjs <<'JS'
import { CronTime } from "cron";
import nodeCron from "node-cron";

const line = "0 0 13 * 5";
const days = Array.from({ length: 61 }, (_, day) => new Date(Date.UTC(2026, 10, 1 + day)));
const task = nodeCron.createTask(line, () => {}, { timezone: "UTC" });
const ofNodeCron = days.filter((day) => task.match(day)).length;
let now = new Date(Date.UTC(2026, 9, 31, 23, 59, 59));
let ofCron = 0;
while ((now = new CronTime(line, "UTC").getNextDateFrom(now, "UTC").toJSDate()) <= days.at(-1)) ofCron += 1;
console.log(`${line}, runs in two months: node-cron ${ofNodeCron}, cron ${ofCron}`);
process.exit(ofNodeCron === 1 && ofCron === 9 ? 0 : 1);
JS
node ask.mjs
