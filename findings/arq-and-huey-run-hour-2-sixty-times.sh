#!/usr/bin/env bash
# `hour=2` is one run for one scheduler and sixty for two others, and weekday 0 is Monday or Sunday.
#
# Packages: APScheduler 3.11.3, arq 0.28.0, huey 3.5.4.
#
# Expected: three schedulers of Python take the same keywords in the same sense.
# Seen: with nothing said about minutes, APScheduler runs once, at 02:00; arq and huey run in each minute from 02:00 to
# 02:59. Weekday 0 is Monday for APScheduler and arq, and Sunday for huey.
#
# Why it matters here: a nightly job books commissions, resets caps or mails publishers. Carried from one scheduler to
# another with its keywords unchanged it does so sixty times, or on another day of the week, and no error says so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check apscheduler==3.11.3 arq==0.28.0 huey==3.5.4
"$folder/venv/bin/python" - <<'PY'
import sys
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.cron import CronTrigger
from arq.cron import next_cron
from huey import crontab

MONDAY = datetime(2026, 11, 30)
MINUTES = [MONDAY + timedelta(minutes=number) for number in range(1440)]


def by_apscheduler(**fields):
    trigger, last, now = CronTrigger(timezone=UTC, **fields), None, MONDAY.replace(tzinfo=UTC)
    while (last := trigger.get_next_fire_time(last, now)) is not None:
        yield last.replace(tzinfo=None)
        now = last + timedelta(seconds=1)


def by_arq(**fields):
    last = MONDAY - timedelta(seconds=1)
    while True:
        last = next_cron(last, **fields)
        yield last.replace(microsecond=0)


def in_one_day(runs):
    number = 0
    for at in runs:
        if at >= MONDAY + timedelta(days=1):
            return number
        number += 1


def by_huey(hits):
    return next(at for at in (MONDAY + timedelta(days=day, hours=2) for day in range(7)) if hits(at))


runs = {
    "APScheduler": in_one_day(by_apscheduler(hour=2)),
    "arq": in_one_day(by_arq(hour=2)),
    "huey": sum(crontab(hour="2")(at) for at in MINUTES),
}
days = {
    "APScheduler": f"{next(by_apscheduler(day_of_week=0, hour=2)):%A}",
    "arq": f"{next(by_arq(weekday=0, hour=2, minute=0)):%A}",
    "huey": f"{by_huey(crontab(hour='2', minute='0', day_of_week='0')):%A}",
}
for name in runs:
    print(f"{name:12} hour=2 runs {runs[name]} times a day; weekday 0 is {days[name]}")
wanted = {"APScheduler": (1, "Monday"), "arq": (60, "Monday"), "huey": (60, "Sunday")}
sys.exit(0 if {name: (runs[name], days[name]) for name in runs} == wanted else 1)
PY
