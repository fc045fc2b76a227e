"""List what needs a person now: approvals, failures, rules ready for promotion, and what ends soon."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bridge.operations.doctor import Check
from bridge.store import journal, ledger, service_alerts, slots
from bridge.store.feeds import Feed
from bridge.store.feeds import everything as all_feeds
from bridge.store.holds import Hold, HoldState, Mute
from bridge.store.ledger import Call, Effect, EffectState, StoredPlan
from bridge.store.notifications import ChannelHealth
from bridge.store.runs import Run
from bridge.store.service_alerts import NO_ANSWER
from rules.model.formatting import counted
from rules.model.revision import Mode, Revision

DAY = timedelta(hours=24)
REPORTS = ("clicks", "conversions")  # feeds that are read; postbacks come by themselves
SILENT = timedelta(minutes=10)  # an outage is said long before a channel is told of it
ATTEMPTS = 300  # newest calls among which the beginning of an outage is looked for
SHADOW_ENOUGH = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem, stated once. `remedy` mends it; `address` is the page on which to mend it."""

    name: str
    text: str
    status: str = "fail"
    since: datetime | None = None
    remedy: str = ""
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One waiting plan, with the names of its targets."""

    plan_id: int
    rule: str
    account: str
    changes: int
    money_24h: Decimal | None
    since: datetime
    undoes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowRule:
    """A rule that has been in shadow for a while, and how often it would have acted."""

    rule: str
    would_act: int
    since: datetime


@dataclass(frozen=True, slots=True)
class EndingSoon:
    """A pause or mute that ends within a day."""

    pauses: int
    mutes: int


def problems(session: Session, checks: Sequence[Check], now: datetime) -> list[Problem]:
    """Return all problems, the gravest first; a problem that several checks find is listed once."""
    outage = _outage(session, now)
    found = [outage] if outage else []
    found += _alerts(session, now, skip={"integr8", "feed"} if outage else set())
    names = {one.name for one in found}
    for check in checks:
        if check["status"] == "ok" or _name(check) in names or (outage and check["name"].startswith("data ")):
            continue
        found.append(
            Problem(
                name=_name(check), text=check["detail"], status=check["status"], remedy=check.get("remedy", ""),
                address=ADDRESSES.get(check["name"].partition(" ")[0]),
            )
        )  # fmt: skip
    found += _events(session) if "events" not in names else []
    return sorted(found, key=lambda one: one.status != "fail")


ADDRESSES = {
    "events": "/events?state=dead", "effects": "/activity?outcome=failed", "rules": "/rules", "data": "/integr8",
    "channels": "/settings", "halt": None,
}  # fmt: skip


def _name(check: Check) -> str:
    return check["name"]


def _outage(session: Session, now: datetime) -> Problem | None:
    """Return the outage of Integr8, if it does not answer: since the first of the unanswered calls in a row."""
    calls = session.execute(
        select(Call.outcome, Call.started_at, Call.error)
        .where(Call.outcome.is_not(None))
        .order_by(Call.id.desc())
        .limit(ATTEMPTS)
    ).all()
    failing = []
    for outcome, at, error in calls:
        if outcome not in NO_ANSWER:
            break
        failing.append((at, error))
    if not failing or now - failing[0][0] > DAY:
        return _unread(session, now)
    since, error = failing[-1][0], failing[0][1] or "no answer"
    return Problem(
        name="integr8", text=f"Integr8 cannot be reached; no rule can decide on new reports ({error})", since=since,
        remedy="check `base_url` in bridge.yaml and the way out of this network; `integr8-bridge doctor` asks again",
        address="/integr8",
    )  # fmt: skip


def _unread(session: Session, now: datetime) -> Problem | None:
    """Return the problem that no report can be read.

    Either the feeds fail, or the entity sync before them.
    """
    rows = [row for row in all_feeds(session) if row.kind in REPORTS]
    never = all(row.as_of is None for row in rows)
    if not rows or not (never or _silent(rows, now) or all(row.alerted_at for row in rows)):
        return None
    failed = slots.failing(session, now - DAY)
    problem = next((row.problem for row in rows if row.problem), None) or (failed[0].problem if failed else None)
    if never and problem is None:
        return None
    since = failed[-1].ended_at if never and failed else min((row.as_of for row in rows if row.as_of), default=None)
    what = "no report of Integr8 was ever read" if never else "Integr8 cannot be read"
    why = f" ({problem})" if problem else ""
    return Problem(
        name="integr8", text=f"{what}; no rule can decide on new reports{why}", since=since,
        remedy="`integr8-bridge doctor` says what is missing", address="/integr8",
    )  # fmt: skip


def _silent(rows: Sequence[Feed], now: datetime) -> bool:
    """Return whether the last reading failed, and no report is newer than what rules usually ask for."""
    return any(row.problem for row in rows) and all(row.as_of is None or now - row.as_of > SILENT for row in rows)


def _alerts(session: Session, now: datetime, skip: set[str]) -> list[Problem]:
    known = {row.key: row.since for row in service_alerts.open_alerts(session)}
    return [
        Problem(
            name=ALERTS.get(kind, kind),
            text=one.text,
            since=known.get(one.key),
            address=ADDRESSES.get(ALERTS.get(kind, kind)),
        )
        for one in service_alerts.observe(session, now)
        if (kind := one.key.partition(":")[0]) not in {"halt", *skip}
    ]


ALERTS = {"dead": "events", "feed": "data", "channel": "channels"}


def _events(session: Session) -> list[Problem]:
    counts = journal.counts(session, ("dead", "quarantined"))
    return [
        Problem(
            name="events",
            text=f"{counted(counts[state], 'webhook')} {one if counts[state] == 1 else more}",
            status="warn",
            address=f"/events?state={state}",
            remedy="accept or discard them",
        )
        for state, one, more in (
            ("dead", "failed too often and waits for a decision", "failed too often and wait for a decision"),
            ("quarantined", "is in quarantine", "are in quarantine"),
        )
        if counts.get(state)
    ]


def failing_channels(session: Session) -> list[Problem]:
    """Return the channels that refused their last messages."""
    rows = session.scalars(select(ChannelHealth).where(ChannelHealth.failures > 0))
    return [
        Problem(
            name=f"channel {row.channel}",
            text=f"channel {row.channel}: {_not_taken(row.failures)}",
            status="warn",
            remedy="send a test on the page Settings",
            address="/settings",
        )
        for row in rows
    ]


def _not_taken(failures: int) -> str:
    return "the last message was not taken" if failures == 1 else f"{failures:,} messages in a row were not taken"


def approvals(session: Session, places: Mapping[str, int], limit: int = 20) -> list[Approval]:
    """Return the waiting plans by currency, the most money first. `places` is the same as in `ledger.waiting`."""
    plans = ledger.waiting(session, places)[:limit]
    number = select(Effect.plan_id, func.count(), func.min(Effect.account))
    number = number.where(Effect.plan_id.in_([one.id for one in plans])).group_by(Effect.plan_id)
    counted = {plan: (many, account) for plan, many, account in session.execute(number)}
    return [
        Approval(
            plan_id=one.id,
            rule=one.rule_id,
            account=counted.get(one.id, (0, ""))[1],
            changes=counted.get(one.id, (0, ""))[0],
            money_24h=one.money_24h,
            since=one.created_at,
            undoes=one.undoes,
        )
        for one in plans
    ]


def failed_changes(session: Session, now: datetime) -> list[tuple[str, str, int, int]]:
    """Return (verb and kind, error, count, one run) of the failures within a day, the most frequent first."""
    many = func.count().label("many")
    query = (
        select(Effect.verb, Effect.kind, Effect.error, many, func.max(StoredPlan.run_id))
        .join(StoredPlan, StoredPlan.id == Effect.plan_id)
        .where(Effect.state == EffectState.FAILED, Effect.ended_at >= now - DAY)
        .group_by(Effect.verb, Effect.kind, Effect.error)
        .order_by(many.desc())
        .limit(5)
    )
    return [(f"{verb} {kind}", error or "", number, run) for verb, kind, error, number, run in session.execute(query)]


def shadow_rules(session: Session, revisions: Sequence[Revision], now: datetime) -> list[ShadowRule]:
    """Return rules in shadow for at least a day, with what they would have done in the last week."""
    names = [one.id for one in revisions if one.mode is Mode.SHADOW]
    query = (
        select(Run.rule_id, func.min(Run.started_at), func.sum(Run.yes))
        .where(Run.rule_id.in_(names), Run.mode == "shadow", Run.started_at >= now - 7 * DAY)
        .group_by(Run.rule_id)
    )
    rows = session.execute(query).all() if names else []
    return [
        ShadowRule(rule=rule, would_act=int(yes or 0), since=first)
        for rule, first, yes in rows
        if now - first >= SHADOW_ENOUGH
    ]


def ending_soon(session: Session, now: datetime) -> EndingSoon:
    pauses = select(func.count()).select_from(Hold).where(Hold.state == HoldState.ACTIVE, Hold.until <= now + DAY)
    mutes = select(func.count()).select_from(Mute).where(Mute.until > now, Mute.until <= now + DAY)
    return EndingSoon(session.scalar(pauses) or 0, session.scalar(mutes) or 0)
