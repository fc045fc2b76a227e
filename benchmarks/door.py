"""The main job under load: signed webhooks in, journalled on disk before the answer, half of them pause an offer.

Everything is a real process (gunicorn, Celery worker, beat, Valkey, SQLite with synchronous=FULL, the simulator),
load generator included, all on one machine. `bare` is the web server with a Flask route that does nothing.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks import load
from bridge import stack, supervisor
from bridge.stack import Options
from bridge.supervisor import Supervisor

FIRST_OFFER = 1001  # the simulator's first small number
SECRET = base64.b64encode(secrets.token_bytes(24)).decode()
RULE = """
schema: 1
id: pause-on-demand
mode: live
trigger: {webhook: {source: crm}}
when: {all: [body.amount >= 50]}
then:
  - pause: offer
    which: "{{ body.offer }}"
    hold: 1h
guards: {at_most: {targets: 100000}}
"""
HOME = """
accounts:
  main:
    base_url: "http://127.0.0.1:PORT"
    api_key: "${BENCH_KEY}"
    integrations: {default: bench}
    rate: {per_second: 50}
    poll: {clicks: 0, conversions: 0, details: 0, settling: 0, agreement: 0}
sources:
  crm: {verify: standard-webhooks, secret: "${BENCH_SECRET}", event_type: type}
"""


def signed(number: int, secret: str, host: str) -> bytes:
    amount = 100 if number % 2 else 10
    body = json.dumps({"type": "sale", "id": number, "amount": amount, "offer": str(FIRST_OFFER + number)}).encode()
    delivery, at = f"msg_{number}_{secrets.token_hex(4)}", str(int(time.time()))
    mac = hmac.digest(base64.b64decode(secret), f"{delivery}.{at}.".encode() + body, hashlib.sha256)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": delivery,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }
    return load.request("/hooks/crm", host, body, headers)


@contextmanager
def running(offers: int) -> Iterator[tuple[stack.Stack, httpx.Client]]:
    """The stack against a simulator with so many offers."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        (home / "rules").mkdir()
        (home / "rules" / "rule.yaml").write_text(RULE)
        boss = Supervisor(log=bool(os.environ.get("BENCH_LOG")))
        try:
            port_file = home / "port"
            boss.start(
                supervisor.simulator(
                    port_file, "--api-key", "k", "--integration", "bench", "--scenario", "collapse",
                    "--with", f"bad={offers}", "--with", "good=0", "--with", "clicks=0",
                )
            )  # fmt: skip
            boss.wait_until(port_file.exists, what="starting the simulator", needs="integr8", timeout=60)
            port = port_file.read_text().strip()
            (home / "bridge.yaml").write_text(HOME.replace("PORT", port))
            (home / ".env").write_text(f"BENCH_KEY=k\nBENCH_SECRET=whsec_{SECRET}\n")
            service = stack.start(boss, home, {}, Options())
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as simulator:
                yield service, simulator
        finally:
            boss.stop()


def paused(simulator: httpx.Client) -> int:
    return len(simulator.get("/_sim/state").json()["paused"])


def run(total: int = 4_000) -> list[dict[str, Any]]:
    with running(total + 300) as (service, simulator):
        host, _, port = service.address.removeprefix("http://").partition(":")
        load.saturate(host, int(port), [signed(number, SECRET, host) for number in range(200)])
        until = time.perf_counter() + 60
        while paused(simulator) < 100 and time.perf_counter() < until:
            time.sleep(0.05)
        requests = [signed(200 + number, SECRET, host) for number in range(total)]
        calls = simulator.get("/_sim/requests/summary").json()["total"]
        started = time.perf_counter()
        found = load.saturate(host, int(port), requests)
        wanted = 100 + total // 2
        while (now := paused(simulator)) < wanted and time.perf_counter() < until + 60:
            time.sleep(0.05)
        seconds = time.perf_counter() - started
        calls = simulator.get("/_sim/requests/summary").json()["total"] - calls
        slow = load.paced(host, int(port), [signed(200 + total + number, SECRET, host) for number in range(60)], 20)
    return [
        {
            "what": "webhooks accepted, on disk before the answer (16 connections)",
            "per second": round(found.per_second),
            "p50 ms": round(found.percentile(0.5), 1),
            "p95 ms": round(found.percentile(0.95), 1),
            "p99 ms": round(found.percentile(0.99), 1),
        },
        {
            "what": "webhooks end to end: until Integr8 shows the last pause",
            "per second": round(total / seconds),
            "effects": now - 100,
            "calls": calls,
        },
        {
            "what": "acknowledgement at 20 a second",
            "per second": 20,
            "p50 ms": round(slow.percentile(0.5), 1),
            "p99 ms": round(slow.percentile(0.99), 1),
        },
    ]


if __name__ == "__main__":
    for row in run():
        print(row)
