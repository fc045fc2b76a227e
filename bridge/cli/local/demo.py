"""The demo's script: generate traffic, send a signed webhook twice and some postbacks, then check the results."""

import secrets
import shutil
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import httpx
import orjson
from sqlalchemy import func, select
from standardwebhooks.webhooks import Webhook

from bridge.cli.local import stack, supervisor
from bridge.cli.local.stack import Stack
from bridge.cli.local.supervisor import Supervisor
from bridge.store import ids, journal, ledger, runs
from bridge.store.engine import Store, make_engine
from bridge.store.ledger import Call, Effect
from bridge.store.private_files import private_directory
from bridge.store.runs import Run, StoredVerdict

BAD_OFFERS, GOOD_OFFERS, CLICKS = 40, 8, 60
EMAIL = "ann.affiliate@example.com"
DEMO_TIMEOUT = 300.0  # seconds for the whole story
API_KEY, INTEGRATION = "demo-key-with-all-permissions", "mef3dfl"


class DemoFailed(RuntimeError):
    """An expected result did not happen; the message says which."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The running demo."""

    stack: Stack
    integr8: httpx.Client  # the simulator's control plane
    secret: str
    token: str
    store: Store
    bad: frozenset[str]
    started: float


def set_up(boss: Supervisor, home: Path, *, port: int = 0) -> Stage:
    """Write the home, start the simulator and the stack."""
    started = time.monotonic()
    with as_file(files("bridge.cli.local") / "home") as template:
        shutil.copytree(template, home, dirs_exist_ok=True)
    base_url = _simulator(boss, home)
    integr8 = httpx.Client(base_url=base_url, timeout=10)
    boss.at_the_end(integr8.close)
    secret = f"whsec_{b64encode(secrets.token_bytes(24)).decode()}"
    token = secrets.token_urlsafe(24)
    environment = {
        "INTEGR8_BASE_URL": base_url,
        "INTEGR8_API_KEY": API_KEY,
        "INTEGR8_INTEGRATION_ID": INTEGRATION,
        "CRM_SECRET": secret,
        "POSTBACK_TOKEN": token,
    }
    _write_environment(home / ".env", environment)
    running = stack.start(boss, home, {}, stack.Options(port=port))
    state = integr8.get("/_sim/state").json()
    bad = frozenset(offer["id"] for offer in state["offers"] if offer["name"].startswith("Collapsed"))
    store = Store(make_engine(f"sqlite:///{home / 'var' / 'bridge.db'}"))
    boss.at_the_end(store.close)
    return Stage(running, integr8, secret, token, store, bad, started)


def _write_environment(path: Path, values: Mapping[str, str]) -> None:
    """Write an environment file, so that every other command works on the demo's home.

    For example BRIDGE_HOME=... integr8-bridge runs list.
    """
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))


def _simulator(boss: Supervisor, home: Path) -> str:
    port_file = home / "var" / "integr8.port"
    private_directory(port_file.parent)
    numbers = {"bad": BAD_OFFERS, "good": GOOD_OFFERS, "clicks": CLICKS}
    scenario = [text for name, value in numbers.items() for text in ("--with", f"{name}={value}")]
    boss.start(
        supervisor.simulator(
            port_file, "--api-key", API_KEY, "--integration", INTEGRATION, "--scenario", "collapse", *scenario
        )
    )
    boss.wait_until(port_file.exists, what="starting the Integr8 simulator", needs="integr8")
    return f"http://127.0.0.1:{port_file.read_text().strip()}"


def send(stage: Stage, say: Callable[[str], None]) -> None:
    """Send a signed deal twice as the CRM, and let Integr8 report conversions."""
    body = orjson.dumps(
        {
            "type": "deal.signed",
            "deal_id": 4711,
            "deal": {"type": "publisher"},
            "company": "Ann Affiliate Ltd",
            "country": "DE",
            "contact": {"email": EMAIL, "first": "Ann"},
        }
    ).decode()
    delivery = f"msg_{ids.new()}"
    for attempt in ("first", "repeated"):
        answer = _signed(stage, delivery, body)
        say(f"CRM webhook ({attempt}): {answer.status_code} {answer.text}")
    for number in range(5):
        query = {
            "type": "conversion",
            "tx": ids.new(),
            "offer": "1",
            "pub": "1",
            "status": "rejected" if number == 0 else "approved",
            "reason": "DUPLICATE_IP" if number == 0 else "{rejection_reason}",
            "payout": "8.00",
            "revenue": "10.00",
            "ccy": "USD",
        }
        answer = httpx.get(f"{stage.stack.address}/hooks/postback/{stage.token}", params=query, timeout=10)
        say(f"Integr8 postback {number + 1}: {answer.status_code}")


def _signed(stage: Stage, delivery: str, body: str) -> httpx.Response:
    now = datetime.now(UTC)
    signature = Webhook(stage.secret).sign(delivery, now, body)
    headers = {
        "webhook-id": delivery,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
        "content-type": "application/json",
    }
    return httpx.post(f"{stage.stack.address}/hooks/crm", content=body, headers=headers, timeout=10)


@dataclass(frozen=True, slots=True)
class Proof:
    """The result according to Integr8. Nothing here comes from our own database."""

    paused: int
    wrongly_paused: int
    publishers: int
    users: int
    bulk_calls: int
    repeated_writes: int

    @property
    def complete(self) -> bool:
        return (
            self.paused == BAD_OFFERS
            and self.wrongly_paused == 0
            and self.publishers == 1
            and self.users == 1
            and 1 <= self.bulk_calls <= 2
            and self.repeated_writes == 0
        )


def ask_integr8(stage: Stage) -> Proof:
    state = stage.integr8.get("/_sim/state").json()
    inactive = {offer["id"] for offer in state["offers"] if not offer["active"]}
    summary = stage.integr8.get("/_sim/requests/summary").json()
    writes = stage.integr8.get("/_sim/writes").json()
    return Proof(
        paused=len(inactive & stage.bad),
        wrongly_paused=len(inactive - stage.bad),
        publishers=sum(one["email"] == EMAIL for one in state["publishers"]),
        users=sum(one["email"] == EMAIL for one in state["users"]),
        bulk_calls=_count(summary["by_operation"], "offers.set_status"),
        repeated_writes=len(writes["repeated"]),
    )


def _count(by_operation: Mapping[str, Any], name: str) -> int:
    found = by_operation.get(name, 0)
    return sum(found.values()) if isinstance(found, dict) else int(found)


def wait(boss: Supervisor, stage: Stage) -> Proof:
    """Wait until Integr8 shows all changes. Processes that die meanwhile are started again, as in `up`."""
    until = time.monotonic() + DEMO_TIMEOUT
    while not boss.stopping:
        boss.revive()
        proof = ask_integr8(stage)
        if proof.complete and _settled(stage):
            return proof
        if time.monotonic() > until:
            raise DemoFailed(f"after {DEMO_TIMEOUT:.0f} s Integr8 shows only: {proof}")
        time.sleep(0.25)
    raise DemoFailed("stopped before the story was over")


def _settled(stage: Stage) -> bool:
    """Return whether our own database is settled too: nothing waits in the journal or in the ledger."""
    with stage.store.read() as session:
        open_effects = sum(ledger.counts(session).get(state, 0) for state in ledger.OPEN_STATES if state != "planned")
        waiting = journal.counts(session).get("received", 0)
        ready = session.scalar(
            select(func.count()).select_from(Effect).where(Effect.state == "planned", Effect.due_at.is_not(None))
        )
    return not open_effects and not waiting and not ready


def report(stage: Stage, proof: Proof) -> dict[str, Any]:
    """Return the document that `demo --once --json` prints."""
    with stage.store.read() as session:
        events = sum(journal.counts(session).values())
        totals = session.execute(select(func.sum(Run.yes), func.sum(Run.no), func.sum(Run.no_decision))).one()
        calls = session.execute(select(Call.operation, func.count()).group_by(Call.operation))
        reasons = session.scalars(
            select(StoredVerdict.reason).where(StoredVerdict.answer == 1).order_by(StoredVerdict.id.desc()).limit(1)
        )
        found = {
            "ok": proof.complete,
            "events_received": events,
            "runs": session.scalar(select(func.count()).select_from(Run)),
            "verdicts": dict(zip(("yes", "no", "no_decision"), (int(total or 0) for total in totals), strict=True)),
            "effects": ledger.counts(session),
            "calls_made": {row[0]: row[1] for row in calls},
            "offers_paused": proof.paused,
            "publisher_created": proof.publishers == 1,
            "user_created": proof.users == 1,
            "bulk_calls": proof.bulk_calls,
            "why": list(reasons),
            "runs_by_outcome": runs.counts(session, datetime.fromtimestamp(0, UTC)),
            "address": stage.stack.address,
            "first_link": stage.stack.first_link,
        }
    return found | {"seconds_taken": round(time.monotonic() - stage.started, 1)}
