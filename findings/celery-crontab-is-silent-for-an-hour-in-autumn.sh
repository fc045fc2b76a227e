#!/usr/bin/env bash
# A Celery schedule for every ten minutes does not run for a whole hour in the night when clocks go back.
#
# Package: celery 5.7.0.
#
# Expected: a schedule without a fixed hour goes on through the repeated hour, as it does in cron and in the cron
# libraries. Celery has been told the zone (`timezone`), and `enable_utc` is on.
# Seen: after 02:50 summer time the next run is 03:00 winter time, 70 minutes later: `crontab(minute="*/10")` reckons on
# the wall clock, where all of 02:00 to 02:50 has been already. `schedule(600)` of the same library goes on.
#
# Why it matters here: polls, budget checks and sweepers are such schedules. For an hour nobody looks at spend, in the
# night of a weekend; monitoring that expects a heartbeat rings. It happens only where `timezone` is a local one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check celery==5.7.0 tzdata==2026.6
"$folder/venv/bin/python" - <<'PY'
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from celery import Celery
from celery.schedules import crontab, schedule


def runs(zone, build):
    """Asks once a minute, as beat would, from 01:30 summer time to 04:00 winter time in Berlin."""
    app = Celery("look")
    app.conf.timezone, app.conf.enable_utc = zone, True
    local = ZoneInfo(zone)
    clock = [datetime(2027, 10, 30, 23, 30, tzinfo=UTC)]
    plan = build(app, lambda: clock[0].astimezone(local))
    last, found = clock[0].astimezone(local), []
    while clock[0] < datetime(2027, 10, 31, 3, 0, tzinfo=UTC):
        clock[0] += timedelta(minutes=1)
        if plan.is_due(last).is_due:
            last = clock[0].astimezone(local)
            found.append(clock[0])
    return found


def longest_pause(moments):
    return max(later - earlier for earlier, later in zip(moments, moments[1:], strict=False))


every_ten = {
    "crontab, Berlin": ("Europe/Berlin", lambda app, now: crontab(minute="*/10", app=app, nowfun=now)),
    "crontab, UTC": ("UTC", lambda app, now: crontab(minute="*/10", app=app, nowfun=now)),
    "schedule(600), Berlin": ("Europe/Berlin", lambda app, now: schedule(600, app=app, nowfun=now)),
}
pauses = {}
for name, (zone, build) in every_ten.items():
    found = runs(zone, build)
    pauses[name] = longest_pause(found) // timedelta(minutes=1)
    print(f"{name:22} {len(found):3} runs, longest pause {pauses[name]} minutes")
assert pauses["crontab, UTC"] == pauses["schedule(600), Berlin"] == 10
assert pauses["crontab, Berlin"] == 70, "the repeated hour is served now"
PY
