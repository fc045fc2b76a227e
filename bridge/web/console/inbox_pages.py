"""The inbox: what needs a person, the most important first, and one line for each rule."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bridge.operations import attention, doctor
from bridge.operations.attention import ShadowRule
from bridge.operations.doctor import Check
from bridge.operations.health_checks import WriteProbe, checks
from bridge.operations.rule_strips import strips
from bridge.services.container import Services
from bridge.store import api_usage, holds, journal, notifications
from bridge.store import revisions as stored_revisions
from bridge.store.entities import Entity
from bridge.store.feeds import everything as all_feeds
from bridge.store.ledger import PlanState, StoredPlan
from bridge.store.roles import Role
from bridge.store.runs import Run
from bridge.web.access import needs
from bridge.web.console.blueprint import blueprint
from bridge.web.console.show import show
from bridge.web.request_context import services
from rules.model.revision import Revision

SHADOW_KEY = "bridge-shadow-rules"
SHADOW_FOR = timedelta(minutes=1)
LAST_CHANGE = (  # a yes about what is paused already changes nothing
    select(Run)
    .join(StoredPlan, StoredPlan.run_id == Run.id)
    .where(StoredPlan.state == PlanState.DONE)
    .order_by(StoredPlan.id.desc())
    .limit(1)
)
FILES_FOR = timedelta(minutes=10)  # how long a comparison of unchanged rule files with what is live is good


@blueprint.get("/")
@needs(Role.VIEWER, page=True)
def inbox() -> str:
    now = services().clock()
    examined = _examined(services(), now)
    with services().store.read() as session:
        book = services().library.current(session)
        rules = sorted(book.revisions.values(), key=lambda one: one.id)
        problems = [*attention.problems(session, examined, now), *attention.failing_channels(session)]
        found: dict[str, Any] = {
            "problems": problems,
            "approvals": attention.approvals(session, services().settings.currency_places),
            "failed": attention.failed_changes(session, now),
            "shadow": _remembered_shadow(session, rules, now),
            "soon": attention.ending_soon(session, now),
            "strips": strips(session, rules, now, current_app.extensions.setdefault("bridge-rule-strips", {})),
            "held": holds.count_active(session),
            "all_well": all(one["status"] == "ok" for one in examined) and not problems,
        }
        found["steps"] = [] if _is_in_use(session) else _first_steps(session)
        found["last_change"] = session.scalar(LAST_CHANGE)
    return show("inbox.html", **found)


def _examined(found: Services, now: datetime) -> list[Check]:
    """Return everything that `doctor` checks on this side."""
    probe = current_app.extensions.setdefault("bridge-write-probe", WriteProbe())
    return doctor.examine(
        found, now, health=lambda services, at: checks(services, at, writable=probe), files=_remembered_files
    )


def _remembered_files(found: Services, session: Session) -> Check:
    """Return cached rule files: reading all takes seconds.

    They are read again after a write, or for another live revision.
    """
    now = found.clock()
    stamp = _written(found.settings.rules_dir, found.settings.tables_dir), stored_revisions.newest_id(session)
    last: tuple[datetime, Any, Check] | None = current_app.extensions.get("bridge-rule-files")
    if last is not None and last[1] == stamp and last[0] <= now < last[0] + FILES_FOR:
        return last[2]
    check = doctor.rule_files(found, session)
    current_app.extensions["bridge-rule-files"] = now, stamp, check
    return check


def _written(*directories: Path) -> tuple[Any, ...]:
    """Return name, size and time of every file, without reading one."""
    found = []
    for directory in directories:
        with suppress(OSError), os.scandir(directory) as entries:
            for one in entries:
                told = one.stat()
                found.append((one.path, told.st_size, told.st_mtime_ns))
    return tuple(sorted(found))


def _remembered_shadow(session: Session, revisions: Sequence[Revision], now: datetime) -> list[ShadowRule]:
    """Return the cached shadow report: it sums a week of runs, and changes slowly."""
    key = [(one.id, one.hash) for one in revisions]
    last: tuple[datetime, list[tuple[str, str]], list[ShadowRule]] | None = current_app.extensions.get(SHADOW_KEY)
    if last is not None and last[1] == key and last[0] <= now < last[0] + SHADOW_FOR:
        return last[2]
    found = attention.shadow_rules(session, revisions, now)
    current_app.extensions[SHADOW_KEY] = now, key, found
    return found


def _is_in_use(session: Session) -> bool:
    """Return whether something was decided, so that nobody needs the checklist."""
    return (
        session.scalar(select(Run.id).limit(1)) is not None and session.scalar(select(Entity.id).limit(1)) is not None
    )


def _answers(requests: Mapping[str, int]) -> str:
    """Return how Integr8 has answered so far, if not all answers were good."""
    bad = sum(requests.values()) - requests.get("ok", 0)
    refused = requests.get("refused", 0)
    if not bad:
        return ""
    return f"{bad:,} of {sum(requests.values()):,} requests failed" + (f", {refused:,} were refused" if refused else "")


def _first_steps(session: Session) -> list[dict[str, Any]]:
    """Return the steps from an empty installation to the first rule in shadow, each with its action."""
    feeds = all_feeds(session)
    book = services().library.current(session)
    accounts = services().settings.accounts
    entities = session.scalar(select(func.count()).select_from(Entity)) or 0
    requests = api_usage.outcomes(session)
    events = sum(journal.counts(session).values())
    sent = any(state == "sent" and number for (_, state), number in notifications.counts(session).items())
    return [
        {
            "name": "Tell the service your Integr8 account", "done": bool(accounts),
            "how": "write the address and the variable of the API key under `accounts` in bridge.yaml",
        },
        {
            "name": "See that the API key works", "done": requests.get("ok", 0) > 0,
            "how": "start `worker` and `beat`, or all with `integr8-bridge up`; `integr8-bridge doctor` asks at once",
            "got": _answers(requests),
        },
        {
            "name": "Read offers, publishers and advertisers", "done": entities > 0,
            "how": "`integr8-bridge doctor` asks Integr8 with your key and says which permission is missing",
            "got": f"{entities:,} read" if entities else "",
        },
        {
            "name": "Read reports", "done": any(one.as_of is not None for one in feeds),
            "how": "start `worker` and `beat`, or everything with `integr8-bridge up`; the key needs Read on Reports",
        },
        {
            "name": "Receive the first webhook", "done": events > 0,
            "how": "add a source under Settings, paste its address at the sender, or send a sample from here",
            "address": "/settings#sources", "samples": sorted(services().sources),
            "got": f"{events:,} received" if events else "",
        },
        {
            "name": "Tell a channel", "done": sent,
            "how": "add one under Settings; it gets a test message", "address": "/settings#channels",
        },
        {
            "name": "Put the first rule into shadow", "done": bool(book.revisions),
            "how": "begin with one of the library; in shadow it decides and changes nothing", "address": "/rules/new",
            "got": f"{len(book.revisions):,} loaded" if book.revisions else "",
        },
    ]  # fmt: skip
