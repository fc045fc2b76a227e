"""Measure how much of the allowed request rate is used: a thousand pauses in a few calls, then provisioning.

python -m benchmarks effects; STEPS=10000 in the environment provisions more than a thousand.
"""

import json
import os
import sys
import time
from typing import Any

from benchmarks import contenders, load, webhooks
from benchmarks.contenders import Contender

PAUSES = 1_000
RATE = 5  # calls a second, as an account has them
STEPS = int(os.environ.get("STEPS", "1000"))
FAST = 40  # calls a second while provisioning: the share that is used is the figure, and a thousand steps end sooner
PATIENCE = 240 * STEPS // 1_000  # seconds
PAUSE_ALL = """
schema: 1
id: pause-all
mode: live
trigger: {webhook: {source: crm, event: outage}}
when: {all: [body.type = "outage"]}
then:
  - pause: offer
    which: "{{ body.offers }}"
    hold: 1h
guards: {at_most: {targets: 100000}}
"""
SIGN_UP = """
schema: 1
id: sign-up
mode: live
trigger: {webhook: {source: crm, event: signed}}
when: {all: [body.type = "signed"]}
then:
  - ensure: publisher
    key: {email: "{{ body.email }}"}
    with: {name: "{{ body.name }}", active: true}
guards: {at_most: {targets: 100000}}
"""


def run() -> list[dict[str, Any]]:
    """Seconds and calls of a mass pause; the share of the allowed rate that provisioning used."""
    return [_pauses(), _provisioning()]


def _pauses() -> dict[str, Any]:
    print(f"measuring {PAUSES} pauses at {RATE} calls/s ...", file=sys.stderr)
    with contenders.ours(PAUSES, rate=RATE, text=PAUSE_ALL) as one:
        offers = [str(contenders.FIRST_OFFER + number) for number in range(PAUSES)]
        before = _settled(one)  # the mirror has read the offers, and a full second of the budget is there again
        started = time.perf_counter()
        load.saturate(one.host, one.port, [_signed({"type": "outage", "offers": offers}, one)])
        webhooks.wait(one, PAUSES)
        seconds = time.perf_counter() - started
        calls = _settled(one) - before
    return {"what": f"{PAUSES:,} pauses at {RATE} calls/s", "seconds": round(seconds, 2), "calls": calls,
            "one by one it would take s": PAUSES // RATE}  # fmt: skip


def _signed(body: dict[str, Any], one: Contender) -> bytes:
    return contenders.signed_body(json.dumps(body).encode(), one.host)


def _calls(one: Contender) -> int:
    return int(one.api.get("/requests/summary").json()["total"])


def _log(one: Contender) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = one.api.get("/requests").json()["requests"]
    return found


def _publishers(one: Contender) -> int:
    return len(one.api.get("/state", params={"only": "publishers"}).json()["publishers"])


def _settled(one: Contender) -> int:
    """The number of calls once no more are made: the reads that verify come after the pauses."""
    last = -1
    while (now := _calls(one)) != last:
        last = now
        time.sleep(1.5)
    return now


def _provisioning() -> dict[str, Any]:
    print(f"measuring {STEPS} provisioning steps at {FAST} calls/s ...", file=sys.stderr)
    with contenders.ours(1, rate=FAST, text=SIGN_UP) as one:
        bodies = [{"type": "signed", "email": f"p{n}@example.com", "name": f"Publisher {n}"} for n in range(STEPS)]
        load.saturate(one.host, one.port, [_signed(body, one) for body in bodies])
        until = time.perf_counter() + PATIENCE
        while (made := _publishers(one)) < STEPS:
            if time.perf_counter() > until:
                raise TimeoutError(f"{made} of {STEPS} publishers were made in {PATIENCE} s")
            time.sleep(2)
        ticks = sorted(entry["ticks"] for entry in _log(one) if str(entry["operation"]).startswith("publishers."))
    span = ticks[-1] - ticks[0]
    return {"what": f"{STEPS:,} provisioning steps at {FAST} calls/s", "seconds": round(span, 1), "calls": len(ticks),
            "share of the rate used": f"{(len(ticks) - FAST) / (span * FAST):.1%}"}  # fmt: skip


if __name__ == "__main__":
    for row in run():
        print(json.dumps(row))
