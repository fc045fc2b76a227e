"""Measure how fast each console page answers and how large it is, with many offers, webhooks, runs and rules.

A warm process over SQLite, asked in-process. `BENCH_EVENTS` makes it smaller or larger (100,000 by default; the target
of 200 ms and 300 kB is meant for 1,000,000).
"""

import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import insert


def _first(*places: str) -> Any:
    """The first of these modules, or `module:name`, that there is: another checkout may still have an older name."""
    for place in places:
        module, _, name = place.partition(":")
        try:
            found = importlib.import_module(module)
            return getattr(found, name) if name else found
        except (ImportError, AttributeError):
            continue
    raise SystemExit(f"this checkout has none of {', '.join(places)}")


rulebook = _first("bridge.config.rulebook", "bridge.rulebook")
settings = _first("bridge.config.settings", "bridge.settings")
Services = _first("bridge.services.container:Services", "bridge.wiring:House")
new_id = _first("bridge.store.ids:new", "bridge.ulid:new")
upgrade = _first("bridge.store.migrate:upgrade", "bridge.store.schema:upgrade")
Entity = _first("bridge.store.entities:Entity")
Hold = _first("bridge.store.holds:Hold")
Event = _first("bridge.store.journal:Event")
Effect, StoredPlan = _first("bridge.store.ledger:Effect"), _first("bridge.store.ledger:StoredPlan")
Role = _first("bridge.store.roles:Role", "bridge.store.people:Role")
Run, StoredVerdict = _first("bridge.store.runs:Run"), _first("bridge.store.runs:StoredVerdict")
access, api, console = (_first(f"bridge.web.{name}") for name in ("access", "api", "console"))
health, problems = _first("bridge.web.health"), _first("bridge.web.problems")
make = _first("bridge.web.access:make", "bridge.web.access.tokens:make")

EVENTS = int(os.environ.get("BENCH_EVENTS", "100000"))
OFFERS, RULES, RUNS, ROUNDS = 10_000, 50, 20_000, 40
LARGE = 1_000  # changes of one run, and of one that waits
FIRST_LARGE = RUNS + 1
BESIDE = ("median ms", "processor median ms", "p95 ms", "processor p95 ms", "kB")
TOGETHER = 5_000
RULE = """\
schema: 1
id: rule-{number}
mode: shadow
trigger: {{every: 15m}}
scope: {{per: [offer]}}
data: {{window: 24h, need: {{clicks: 100}}}}
when: {{all: ["cr < 1% @95%"]}}
then: [{{pause: offer, hold: 12h}}]
"""
PAGES = {
    "inbox": "/",
    "approvals": "/approvals",
    "activity": "/activity",
    "activity, all": "/activity?all=1",
    "run": "/runs/1",
    "run, 1,000 changes": f"/runs/{FIRST_LARGE}",
    "run, 1,000 changes, undo": f"/runs/{FIRST_LARGE}?undo=1",
    "paused items": "/holds",
    "mutes": "/mutes",
    "changes": "/changes",
    "audit log": "/audit",
    "items": "/items",
    "items, by name": "/items?q=Offer+77",
    "item": "/items/offer/1077",
    "rules": "/rules",
    "rule": "/rules/rule-1",
    "rule form": "/rules/rule-1/edit",
    "new rule": "/rules/new",
    "imports": "/imports",
    "webhooks": "/events",
    "webhooks, one state": "/events?state=done",
    "search": "/search?q=offer+99",
    "integr8": "/integr8",
    "settings": "/settings",
}


def run() -> list[dict[str, object]]:
    """One row for each page; beside it, with `BENCH_BESIDE=CHECKOUT`, what this benchmark measures in another build."""
    rows = _here()
    other = os.environ.get("BENCH_BESIDE")
    if not other:
        return rows
    there = {one["page"]: one for one in _there(Path(other))}
    return [row | {f"{name}, before": there.get(row["page"], {}).get(name) for name in BESIDE} for row in rows]


def _there(checkout: Path) -> list[dict[str, Any]]:
    """The same pages by this same file, in a process with the other checkout's modules and, if it has any, packages."""
    python = next((one for one in (checkout / ".venv/bin/python",) if one.exists()), Path(sys.executable))
    environment = {name: text for name, text in os.environ.items() if name != "BENCH_BESIDE"}
    environment["PYTHONPATH"] = str(checkout)
    done = subprocess.run(
        [python, "-P", __file__],  # -P: `rules.py` beside this file is not the package `rules`
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    line = next((one for one in done.stdout.splitlines() if one.startswith("ROWS")), None)
    if line is None:
        raise SystemExit(f"{checkout}: the benchmark failed there\n{done.stderr[-2_000:]}")
    found: list[dict[str, Any]] = json.loads(line.removeprefix("ROWS"))
    return found


def _here() -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory() as place:
        services = _services(Path(place))
        _fill(services)
        client = _signed_in(services)
        _rest()
        rows = [_measured(client, name, path) for name, path in PAGES.items()]
        services.close()
        return rows


def _rest() -> None:
    """Do what a web process of this build does with the garbage collector before it serves."""
    try:
        found = importlib.import_module("bridge.services.garbage_collection")
    except ImportError:
        return
    found.rest()


def _measured(client: Any, name: str, path: str) -> dict[str, object]:
    took, worked, answer = [], [], client.get(path)
    if answer.status_code == 404:  # an older build had other addresses
        path = path.replace("/items", "/entities")
    for _ in range(ROUNDS):
        before, processor = time.perf_counter(), time.process_time()
        answer = client.get(path)
        took.append(time.perf_counter() - before)
        worked.append(time.process_time() - processor)
    return {
        "page": name,
        "status": answer.status_code,
        "median ms": round(statistics.median(took) * 1000),
        "processor median ms": round(statistics.median(worked) * 1000),
        "p95 ms": round(sorted(took)[int(len(took) * 0.95)] * 1000),
        "processor p95 ms": round(sorted(worked)[int(len(worked) * 0.95)] * 1000),
        "kB": round(len(answer.data) / 1000),
    }


def _services(home: Path) -> Any:
    (home / "rules").mkdir()
    for number in range(RULES):
        (home / "rules" / f"{number}.yaml").write_text(RULE.format(number=number))
    (home / "bridge.yaml").write_text(
        "accounts:\n  main: {base_url: http://127.0.0.1:9, api_key: '${BENCH_KEY}', integrations: {default: x}}\n"
    )
    os.environ |= {"BENCH_KEY": "k", "BRIDGE_SECRET_KEY": "0" * 64}
    services = Services(settings.load(home))
    upgrade(services.store.engine)
    rulebook.publish(services.store, services.settings, now=datetime.now(UTC))
    return services


def _signed_in(services: Any) -> Any:
    app = Flask("console", static_folder=None)
    access.register(app, services)
    app.register_blueprint(health.blueprint(services))
    api.register(app, services)
    console.register(app, services)
    problems.register(app)
    with services.store.write() as session:
        token = make(session, name="bench", role=Role.OPERATOR, who="bench", now=datetime.now(UTC))
    client = app.test_client()
    client.post("/login", data={"token": token})
    return client


def _fill(services: Any) -> None:
    now = datetime.now(UTC)
    _insert(services.store, Entity, (_offer(number, now) for number in range(OFFERS)))
    _insert(services.store, Event, (_event(number, now) for number in range(EVENTS)))
    _insert(services.store, Run, (_run(number, now) for number in range(1, RUNS + 1)))
    _insert(services.store, StoredPlan, (_plan(number, now) for number in range(1, RUNS // 20)))
    _insert(services.store, Effect, (_effect(number, now) for number in range(1, RUNS // 20)))
    _insert(services.store, StoredVerdict, (_verdict(number) for number in range(1, RUNS // 20)))
    for run in (FIRST_LARGE, FIRST_LARGE + 1):
        _insert(services.store, Run, [_run(run, now) | {"yes": LARGE, "outcome": "ready"}])
        state = "waiting" if run > FIRST_LARGE else "done"
        _insert(services.store, StoredPlan, [_plan(run, now) | {"state": state}])
        rows = [_effect(number, now) | {"id": run * LARGE + number, "plan_id": run} for number in range(LARGE)]
        _insert(services.store, Effect, rows if state == "done" else [row | {"state": "planned"} for row in rows])
        _insert(services.store, StoredVerdict, [_verdict(number) | {"run_id": run} for number in range(LARGE)])
    _insert(services.store, Hold, (_hold(number, now) for number in range(1, 500)))


def _insert(store: Any, table: Any, rows: Iterable[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == TOGETHER:
            _write(store, table, batch)
            batch = []
    if batch:
        _write(store, table, batch)


def _write(store: Any, table: Any, rows: list[dict[str, Any]]) -> None:
    with store.write() as session:
        session.connection().execute(insert(table), rows)


def _offer(number: int, now: datetime) -> dict[str, Any]:
    return {
        "account": "main",
        "integration": "default",
        "kind": "offer",
        "ref": f"ref{number}",
        "number": str(1000 + number),
        "parent": None,
        "name": f"Offer {number}",
        "active": number % 3 > 0,
        "fields": {"active": True},
        "first_seen": now,
        "last_seen": now,
        "changed_at": now,
        "gone_at": None,
    }


def _event(number: int, now: datetime) -> dict[str, Any]:
    at = now - timedelta(seconds=number * 86_400 / max(EVENTS, 1))
    return {
        "id": new_id(),
        "source": "crm",
        "event_type": "deal",
        "dedupe_key": str(number),
        "method": "POST",
        "headers": {},
        "query": [],
        "body": b'{"id": "%d", "type": "deal"}' % number,
        "received_at": at,
        "state": "done",
        "attempts": 1,
        "fence": 1,
    }


def _run(number: int, now: datetime) -> dict[str, Any]:
    at = now - timedelta(seconds=(RUNS - number) * 4)
    return {
        "id": number,
        "rule_id": f"rule-{number % RULES}",
        "revision": "0" * 16,
        "mode": "live",
        "cause": "slot",
        "cause_key": f"slot:{number}",
        "due_at": at,
        "started_at": at,
        "yes": int(number < RUNS // 20),
        "no": 9_000,
        "no_decision": 1_000,
        "outcome": "ready" if number < RUNS // 20 else "nothing",
    }


def _plan(number: int, now: datetime) -> dict[str, Any]:
    state = "waiting" if number <= 3 else "done"
    return {
        "id": number,
        "run_id": number,
        "rule_id": f"rule-{number % RULES}",
        "state": state,
        "created_at": now,
        "stops": [],
        "on_failure": "ask",
    }


def _effect(number: int, now: datetime) -> dict[str, Any]:
    return {
        "id": number,
        "plan_id": number,
        "rule_id": f"rule-{number % RULES}",
        "step": "1",
        "verb": "pause",
        "kind": "offer",
        "target_id": str(1000 + number),
        "account": "main",
        "integration": "default",
        "subject": f"offer={1000 + number}",
        "wanted": {"active": False},
        "key": {},
        "after": [],
        "urgent": True,
        "reason": "conversion rate is low",
        "state": "applied",
        "ended_at": now,
        "attempts": 1,
        "fence": 1,
    }


def _verdict(number: int) -> dict[str, Any]:
    return {
        "run_id": number,
        "subject": f"offer={1000 + number}",
        "answer": 1,
        "why": "known",
        "reason": "low",
        "trace": {},
    }


def _hold(number: int, now: datetime) -> dict[str, Any]:
    return {
        "rule_id": f"rule-{number % RULES}",
        "effect_id": number,
        "account": "main",
        "integration": "default",
        "kind": "offer",
        "target_id": str(1000 + number),
        "subject": f"offer={1000 + number}",
        "since": now,
        "until": now + timedelta(hours=12),
        "count": 1,
        "we_paused": True,
        "state": "active",
    }


if __name__ == "__main__":
    print("ROWS" + json.dumps(_here()))
