#!/usr/bin/env bash
# A job for half past two each night runs twice in the night when clocks go back, in two libraries of four.
#
# Packages: croniter 7.0.0, APScheduler 3.11.3, cronsim 2.8; on npm croner 11.0.1.
#
# Expected: a fixed time of day is met once a day. Cron itself, and with it most people who write `30 2 * * *`, treat only
# schedules with a star in minute or hour as "every so often" and run fixed ones once in the repeated hour.
# Seen: croniter and APScheduler give 02:30 summer time and 02:30 winter time, an hour apart. cronsim and croner give the
# first only. All four agree on every other night of the year.
#
# Why it matters here: nightly jobs in this trade reset caps, book commissions and send invoices. Once a year, on a Sunday,
# the one library pays twice; two programs that should reset the same cap together differ by one run.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check croniter==7.0.0 cronsim==2.8 apscheduler==3.11.3 tzdata==2026.6
npm install --silent --no-audit --no-fund --prefix "$folder" croner@11.0.1
cat > "$folder/ask.mjs" <<'JS'
import { Cron } from 'croner';

const night = new Cron('30 2 * * *', { timezone: 'Europe/Berlin' });
const runs = night.nextRuns(9, new Date('2027-10-30T12:00:00Z')).filter((at) => at < new Date('2027-10-31T12:00:00Z'));
console.log(runs.map((at) => at.toISOString().slice(11, 16)).join(' '));
JS
"$folder/venv/bin/python" - "$(node "$folder/ask.mjs")" <<'PY'
import sys
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from croniter import croniter
from cronsim import CronSim

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTLY = "30 2 * * *"


def by_apscheduler(begin):
    trigger, last, now = CronTrigger.from_crontab(NIGHTLY, timezone=BERLIN), None, begin
    while True:
        last = trigger.get_next_fire_time(last, now)
        yield last
        now = (last.astimezone(UTC) + timedelta(seconds=1)).astimezone(BERLIN)


def runs(name, day):
    begin = datetime(2027, 10, day - 1, 14, tzinfo=BERLIN)
    made = {
        "cronsim": lambda: CronSim(NIGHTLY, begin),
        "croniter": lambda: croniter(NIGHTLY, begin).all_next(datetime),
        "apscheduler": lambda: by_apscheduler(begin),
    }
    end = datetime(2027, 10, day, 14, tzinfo=BERLIN).astimezone(UTC)
    return " ".join(f"{at.astimezone(UTC):%H:%M}" for at in takewhile(lambda at: at.astimezone(UTC) < end, made[name]()))


for name in ("cronsim", "croniter", "apscheduler"):
    print(f"{name:12} runs by UTC on 30 October: {runs(name, 30)}; on 31 October: {runs(name, 31)}")
    assert runs(name, 30) == "00:30"
print(f"{'croner':12} runs by UTC on 31 October: {sys.argv[1]}")
assert runs("cronsim", 31) == sys.argv[1] == "00:30"
assert runs("croniter", 31) == runs("apscheduler", 31) == "00:30 01:30", "the repeated hour is counted once now"
PY
