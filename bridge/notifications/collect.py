"""Collect notifications: find what rules want reported, and write a notice for each channel that receives it.

Notices are found in the rows that runs and effects leave behind, not raised where things happen: so nothing is
lost with a process that dies in between, and looking twice finds nothing new, because every notice has a key.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from bridge.notifications.inputs import NotificationInputs
from bridge.observability.bulkhead import Bulkhead
from bridge.outbound.notices import Channel
from bridge.store import heartbeats, notifications
from bridge.store.exact_json import plain
from bridge.store.holds import Hold, HoldState
from bridge.store.ledger import Effect, EffectState, PlanState, StoredPlan
from bridge.store.runs import Cause, Run
from rules.model.revision import Revision
from rules.model.verbs import VERBS

MARK = "notices"  # the heartbeat that says up to when notices were collected
OVERLAP = timedelta(seconds=90)  # a transaction that began before the last collection may have been committed after it
FIRST_LOOKBACK = timedelta(minutes=10)  # how far the very first collection goes back
LATE_AFTER = timedelta(minutes=5)
MARK_EVERY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A possible notice, before it is known whether any channel receives it."""

    rule: str
    topics: tuple[str, ...]  # what it may be called, the closest first; the first that a channel wants is taken
    key: str
    text: str
    at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)
    to: tuple[str, ...] = ()  # channels that are told in any case


def collect(inputs: NotificationInputs, now: datetime) -> None:
    """Collect what has happened since the last time. Safe to run twice, and to run late."""
    if not inputs.channels:
        return
    bulkhead = Bulkhead(inputs.store, now)
    with inputs.store.read() as session:
        book = inputs.library.current(session).revisions
        last = heartbeats.last_beats(session).get(MARK, now - FIRST_LOOKBACK)
        since = last - OVERLAP
        told = {rule: one for rule, one in book.items() if one.notify}
        found: list[Notification] = []
        for part in (_runs, _approved, _effects, _holds):
            with bulkhead.item("notices", part.__name__.lstrip("_"), "collect"), inputs.store.read() as own:
                found += part(own, told, since)
        with bulkhead.item("notices", "escalated", "collect"), inputs.store.read() as own:
            found += _escalated(own, book)
        rows = notifications.unknown(session, _rows(inputs, found, book, now))
    if rows or now - last >= MARK_EVERY:  # otherwise nothing is worth a place in the queue of writers
        with inputs.store.write() as session:
            notifications.add(session, rows)
            heartbeats.beat(session, MARK, now)


def _rows(
    inputs: NotificationInputs, found: Iterable[Notification], book: Mapping[str, Revision], now: datetime
) -> list[dict[str, Any]]:
    """Return one row for each channel that receives it."""
    return [
        _row(one, topic, book.get(one.rule))
        | {"channel": channel, "created_at": now, "due_at": due(inputs.channels[channel], now)}
        for one in found
        for channel, topic in _wanted(one, book.get(one.rule))
        if channel in inputs.channels
    ]


def _row(found: Notification, topic: str, revision: Revision | None) -> dict[str, Any]:
    return {
        "topic": topic,
        "dedupe_key": f"{topic}:{found.key}",
        "rule_id": found.rule or None,
        "owner": revision.owner or None if revision else None,
        "text": found.text,
        "data": plain(found.data),
    }


def due(channel: Channel, now: datetime) -> datetime:
    """Return when a channel sends a new notice: after its group time, or with its next digest."""
    if channel.digest is not None:
        length = int(channel.digest.total_seconds())
        return datetime.fromtimestamp((int(now.timestamp()) // length + 1) * length, UTC)
    return now if channel.kind == "webhook" else now + channel.group


def tell(inputs: NotificationInputs, channel: str, message: Mapping[str, Any]) -> bool:
    """Queue the message of a rule's `notify` action. Returns False if there is no such channel."""
    if channel not in inputs.channels:
        return False
    now, rule = inputs.clock(), str(message.get("rule") or "")
    text = str(message.get("text") or message.get("message") or message.get("reason") or "a rule said yes")
    severity = message.get("severity")
    text = f"{str(severity).upper()}: {text}" if severity in {"warning", "critical"} else text
    data = {name: value for name, value in message.items() if name not in {"rule", "channel"}}
    link = _link(inputs, message.get("effect"))
    if link:
        text, data = f"{text} {link}", {**data, "link": link}
    one = Notification(
        rule=rule,
        topics=("message",),
        key=f"effect:{message.get('effect')}",
        text=text,
        at=now,
        data=data,
        to=(channel,),
    )
    with inputs.store.write() as session:
        notifications.add(session, _rows(inputs, [one], inputs.library.current(session).revisions, now))
    return True


def _link(inputs: NotificationInputs, effect: object) -> str | None:
    """Return the console's address of the run behind a message; None if `public_url` is not set."""
    base = inputs.public_url
    if not base or not isinstance(effect, int):
        return None
    query = select(StoredPlan.run_id).join(Effect, Effect.plan_id == StoredPlan.id).where(Effect.id == effect)
    with inputs.store.read() as session:
        run = session.scalar(query)
    return None if run is None else f"{base.rstrip('/')}/runs/{run}"


def _wanted(found: Notification, revision: Revision | None) -> Iterator[tuple[str, str]]:
    """Return (channel, topic) pairs, each channel once.

    A channel with `paused` and `applied` gets one notice of a pause.
    """
    taken: set[str] = set()
    for channel in found.to:
        taken.add(channel)
        yield channel, found.topics[0]
    for topic in found.topics:
        for notify in revision.notify if revision else ():
            if topic in notify.about:
                yield from ((channel, topic) for channel in notify.to if channel not in taken)
                taken.update(notify.to)


# --- runs --------------------------------------------------------------------------------------------


def _runs(session: Session, rules: Mapping[str, Revision], since: datetime) -> Iterator[Notification]:
    runs = list(session.scalars(select(Run).where(Run.rule_id.in_(rules), Run.started_at >= since).order_by(Run.id)))
    stops: dict[int, list[Mapping[str, Any]]] = {}
    wanted = {number for run in runs for number in (run.id, run.plan_of) if number}
    for plan in session.scalars(select(StoredPlan).where(StoredPlan.run_id.in_(wanted))):
        stops.setdefault(plan.run_id, []).extend(plan.stops)
    for run in runs:
        yield from _about_run_and_stops(run, stops.get(run.plan_of or run.id, []))


def _about_run_and_stops(run: Run, stops: Sequence[Mapping[str, Any]]) -> Iterator[Notification]:
    data = _about_run(run)
    # What stays wrong is told once an hour, not at every evaluation.
    hour = f"{run.rule_id}:{run.started_at:%Y-%m-%dT%H}"

    def found(text: str, *topics: str, key: str | None = None) -> Notification:
        name = key or f"run:{run.id}"
        return Notification(rule=run.rule_id, topics=topics, key=name, text=text, at=run.started_at, data=data)

    outcome = _outcome(run, stops)
    if outcome is not None:
        text, topics, again = outcome
        yield found(text, *topics, key=f"{hour}:{_digest(text)}" if again else None)
    for stop in stops:
        if stop.get("guard") == "conflict":
            yield found(str(stop["message"]), "conflict", key=f"{hour}:{_digest(str(stop['message']))}")
    if run.cause == Cause.UNDO:
        yield found(f"undone by {run.by or 'a person'}", "undone")
    if run.cause == Cause.SLOT and run.started_at - run.due_at > LATE_AFTER:
        yield found(f"was due {run.due_at:%H:%M} and ran {run.started_at:%H:%M} UTC", "late", key=hour)


def _outcome(run: Run, stops: Sequence[Mapping[str, Any]]) -> tuple[str, tuple[str, ...], bool] | None:
    """Return text, topics, and whether a repetition within the hour is not news."""
    of_all = [stop for stop in stops if not stop.get("target") and not stop.get("subject")]
    first = next((str(stop["message"]) for stop in (*of_all, *stops)), "")
    over = ("over_limit",) if any(str(stop.get("guard", "")).startswith("at_most") for stop in stops) else ()
    match run.outcome:
        case "waiting":
            said = f"{run.yes} yes; " if run.yes else ""
            return f"{said}the plan waits for approval. {first}".strip(), (*over, "waiting"), False
        case "stopped" if any(stop.get("guard") != "order_by" for stop in stops):  # a late update is everyday life
            return first or "a guard stopped the plan", (*over, "stopped"), True
        case "shadow" if run.yes:
            return f"would have acted on {run.yes}", ("shadow",), False
        case "error":
            return run.error or "the run failed", ("error",), True
        case "nothing" if run.no_decision and not run.yes:
            return "no decision: the data is too old, too few or missing", ("no_decision",), True
        case _:
            return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


# --- effects, holds, plans ---------------------------------------------------------------------------


def _effects(session: Session, rules: Mapping[str, Revision], since: datetime) -> Iterator[Notification]:
    states = (EffectState.APPLIED, EffectState.FAILED)
    query = select(Effect).where(Effect.ended_at >= since, Effect.state.in_(states), Effect.rule_id.in_(rules))
    for effect in session.scalars(query.order_by(Effect.id)):
        if VERBS[effect.verb].object == "channel":
            continue  # the message is the notice
        target = f"{effect.kind} {effect.target_id}"
        topics = ("error",) if effect.state == EffectState.FAILED else (*_done(effect), "applied")
        words = effect.error if effect.state == EffectState.FAILED else effect.reason
        yield Notification(
            rule=effect.rule_id,
            topics=topics,
            key=f"effect:{effect.id}",
            text=f"{target}: {words}" if words else target,
            at=effect.ended_at or since,
            data={
                "effect": effect.id,
                "plan": effect.plan_id,
                "verb": effect.verb,
                "account": effect.account,
                "target": target,
                "reason": effect.reason,
            },
        )


def _done(effect: Effect) -> tuple[str, ...]:
    verb = VERBS[effect.verb]
    topic = (verb.topic,) if verb.topic else ()
    if effect.releases is not None:
        return ("released", *topic)
    return ("created",) if verb.creates and (effect.result or {}).get("created") else topic


def _holds(session: Session, rules: Mapping[str, Revision], since: datetime) -> Iterator[Notification]:
    query = select(Hold).where(Hold.state == HoldState.OVERRIDDEN, Hold.ended_at >= since, Hold.rule_id.in_(rules))
    for hold in session.scalars(query):
        text = f"{hold.kind} {hold.target_id} was changed by hand in Integr8; the rule leaves it alone for now"
        yield Notification(
            rule=hold.rule_id,
            topics=("overridden",),
            key=f"hold:{hold.id}",
            text=text,
            at=hold.ended_at or since,
            data={"account": hold.account, "target": f"{hold.kind} {hold.target_id}"},
        )


def _approved(session: Session, rules: Mapping[str, Revision], since: datetime) -> Iterator[Notification]:
    """Return the plans that proceed: a person approved, or nobody answered and the rule says `otherwise: proceed`."""
    query = _with_runs(
        StoredPlan.decision.in_(("approved", "proceeded")),
        StoredPlan.decided_at >= since,
        StoredPlan.rule_id.in_(rules),
    )
    for plan, run in session.execute(query):
        by = (
            f"was approved by {plan.decided_by}"
            if plan.decision == "approved"
            else "proceeds: nobody rejected it in time"
        )
        yield Notification(
            rule=plan.rule_id,
            topics=("approved",),
            key=f"approved:{plan.id}",
            text=f"plan {plan.id} {by}",
            at=plan.decided_at or since,
            data=_about_plan(plan, run),
        )


def _escalated(session: Session, book: Mapping[str, Revision]) -> Iterator[Notification]:
    query = _with_runs(StoredPlan.state == PlanState.WAITING, StoredPlan.decision == "escalated")
    for plan, run in session.execute(query):
        revision = book.get(plan.rule_id)
        if revision is not None:
            text = f"plan {plan.id} has been waiting since {plan.created_at:%H:%M} UTC and nobody has answered"
            yield Notification(
                rule=plan.rule_id,
                topics=("waiting",),
                key=f"escalated:{plan.id}",
                text=text,
                at=plan.created_at,
                data=_about_plan(plan, run),
                to=revision.approve.escalate_to,
            )


def _with_runs(*conditions: ColumnElement[bool]) -> Select[StoredPlan, Run]:
    return select(StoredPlan, Run).join(Run, Run.id == StoredPlan.run_id).where(*conditions).order_by(StoredPlan.id)


def _about_run(run: Run) -> dict[str, Any]:
    return {"run": run.id, "outcome": run.outcome, "yes": run.yes}


def _about_plan(plan: StoredPlan, run: Run) -> dict[str, Any]:
    return {**_about_run(run), "plan": plan.id}
