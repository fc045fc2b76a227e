"""Troubles with the files of observations: whoever writes and merges them is killed, files are damaged meanwhile."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bridge.reports.live_observations import LiveData
from bridge.reports.segment_directory import OBSERVATIONS, SUMS, SegmentDirectory
from bridge.reports.windows import BY_CLICK, SEEN_EVER, Edges
from bridge.store import feeds
from bridge.store.feeds import FeedKey, Kind
from chaos.load import Load
from chaos.rig import WORKERS, Rig

OFFERS, CLICKS, CONVERSIONS = 6, 250, 200  # together enough for a file; of one offer too few to be judged
READINGS, KILLS = 3, 6
EARLIER = timedelta(seconds=25)
# What the maintenance of a night and every look of a worker do, over and over, until this process is killed.
WRITER = """
import os, random, sys
from datetime import UTC, datetime
from pathlib import Path
from bridge.config import settings
from bridge.reports import live_observations, retention, segment_directory
from bridge.reports.windows import Edges
from bridge.services.container import Services
from bridge.store import observations
from bridge.store.feeds import Kind
from rules.model.revision import ALWAYS_KEPT
retention.MERGE_FROM = 2
live_observations.KEPT_FOR = live_observations.timedelta(0)
services = Services(settings.load(Path(sys.argv[1])))
account = next(iter(services.settings.accounts))
files = services.settings.var / segment_directory.OBSERVATIONS
print("ready", flush=True)
while True:
    now = datetime.now(UTC)
    retention.apply(services.store, retention.Keep(), now)
    with services.store.read() as session:
        segment_directory.sweep(files, observations.ids(session), now.timestamp())
        segment_directory.prepare(session, files, now - live_observations.HORIZON)
        data = live_observations.LiveData(account, files=services.observation_files(account, "default"))
        data.refresh(session, now)
        end = live_observations.edge(now)
        for kind, name in ((Kind.CLICKS, "clicks"), (Kind.CONVERSIONS, "conversions")):
            data.totals(session, kind, name, ("offer",), Edges(end - 86_400, end, end))
        data.keep_sums(now)
"""


def killed_while_they_are_written(rig: Rig, load: Load) -> None:
    """Whoever merges chunks, writes files and keeps sums is killed again and again, the workers as well."""
    dice, offers = random.Random(19), []
    before = _rows(rig)
    for reading in range(READINGS):
        offers += [_offer(rig, f"Written {reading} {number}") for number in range(OFFERS)]
        for number in range(KILLS):
            _killed(rig, dice)
            _spoil(rig, dice)
            if number == KILLS // 2:
                rig.kill(*WORKERS)
        wanted = before + len(offers) * (CLICKS + CONVERSIONS)
        rig.until(lambda wanted=wanted: _rows(rig) >= wanted, "the reports of new offers are read", 120)
    rig.until(lambda: not load.unanswered, "the sender is answered")
    problems = _differences(rig, offers)
    assert not problems, "\n".join(problems)


def _offer(rig: Rig, name: str) -> str:
    """A new offer with traffic; its number in reports."""
    made = rig.integr8.post("/_sim/entities/offers", json={"name": name, "active": True}).raise_for_status().json()
    rig.spared.add(str(made["id"]))
    traffic = {"offer": str(made["id"]), "count": CLICKS, "conversions": CONVERSIONS, "within": 20}
    at = (rig.now() - EARLIER).isoformat()
    rig.integr8.post("/_sim/clicks", json={**traffic, "at": at}).raise_for_status()
    return str(made["incremental_id"])


def _killed(rig: Rig, dice: random.Random) -> None:
    environment = {**os.environ, **rig.stack.environment}
    writer = subprocess.Popen(
        [sys.executable, "-P", "-c", WRITER, str(rig.home)], env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert writer.stdout is not None
    writer.stdout.readline()
    time.sleep(dice.uniform(0.0, 0.6))  # at any moment: this is what the round is about
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()


def _spoil(rig: Rig, dice: random.Random) -> None:
    """Remove a file, cut it, or change a bit of it."""
    found = [path for path in _directory(rig).glob("*/*/*/*") if path.suffix in {".rows", ".clicks"}]
    path = dice.choice([*found, *_directory(rig).glob(f"*/*/{SUMS}")] or [None])
    try:
        data = bytearray(path.read_bytes()) if path else b""
        match dice.choice(["gone", "cut", "bit", "nothing"]) if data else "nothing":
            case "gone":
                path.unlink()
            case "cut":
                path.write_bytes(data[: dice.randrange(len(data))])
            case "bit":
                data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
                path.write_bytes(data)
    except FileNotFoundError:  # a worker was here
        return


def _directory(rig: Rig) -> Path:
    return rig.home / "var" / OBSERVATIONS


def _account(rig: Rig) -> str:
    with rig.store.read() as session:
        return feeds.everything(session)[-1].account


def _rows(rig: Rig) -> int:
    """How many clicks and conversions have been read."""
    with rig.store.read() as session:
        data = LiveData(_account(rig))
        data.refresh(session, datetime.now(UTC))
        return sum(_sum(data, session, kind, str(kind)).total() for kind in (Kind.CLICKS, Kind.CONVERSIONS))


def _sum(data: LiveData, session, source, metric: str) -> Counter[str]:
    end = int(time.time()) + 7_200
    sums = data.totals(session, source, metric, ("offer",), Edges(end - 10 * 86_400, end, SEEN_EVER))
    names = data.windows.subjects.known(("offer",))
    return Counter({names[code][0]: int(sums[code]) for code in sums.nonzero()[0].tolist()})


def _differences(rig: Rig, offers: list[str]) -> list[str]:
    """Whatever files, and sums that go on, say otherwise than the database and Integr8."""
    account, now, problems = _account(rig), datetime.now(UTC), []
    with rig.store.read() as session:
        files = LiveData(account, files=SegmentDirectory(_directory(rig), account, "default"))
        plain = LiveData(account)
        for data in (files, plain):
            data.refresh(session, now)
        for source in (Kind.CLICKS, Kind.CONVERSIONS, BY_CLICK):
            metric = "clicks" if source is Kind.CLICKS else "conversions"
            told, expected = (_sum(data, session, source, metric) for data in (files, plain))
            if told != expected:
                problems.append(f"{source}: files say {told}, the database says {expected}")
            wanted = CLICKS if source is Kind.CLICKS else CONVERSIONS
            problems += [f"{source} of {one}: {told[one]} instead of {wanted}" for one in offers if told[one] != wanted]
        kept = feeds.find(session, FeedKey(account=account, kind=Kind.CLICKS))
    return [*problems, *([] if kept is not None else ["there is no feed of clicks"])]
