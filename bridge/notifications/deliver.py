"""Deliver notices that are due, channel by channel. A channel that hangs or refuses delays only itself."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.orm import Session

from bridge.config.errors import SettingsError
from bridge.notifications import secret_delivery
from bridge.notifications.inputs import NotificationInputs
from bridge.observability.bulkhead import NOT_ITS_FAULT, Bulkhead, sentence
from bridge.observability.metrics import NOTICES
from bridge.outbound import circuit_breaker, retry_schedule
from bridge.outbound.http import Outgoing
from bridge.outbound.notices import Attempt, Channel, Health, Message, attempt, client, compose, envelope, send
from bridge.store import notifications
from bridge.store.lease import settle
from bridge.store.notifications import ChannelHealth, Notice, NoticeState
from rules.model.topics import current_data, current_name

log = structlog.get_logger()

MAX_PER_MESSAGE = 500  # notices of one message to people
PAUSE_SETTINGS = timedelta(minutes=1)  # what is missing in the settings needs a person
MAX_PER_TURN = 20  # deliveries to one endpoint before the next channel has its turn


def deliver(inputs: NotificationInputs, now: datetime, dice: Callable[[], float] = random.random) -> bool:
    """Run one round over all channels with due messages. Returns False if there were none."""
    with inputs.store.read() as session:
        names = notifications.channels_due(session, now)
    bulkhead = Bulkhead(inputs.store, now)
    for name in names:
        with bulkhead.item("channel", name, "deliver"):
            _deliver_channel(inputs, name, now, dice)
    failed = {name for _, name, _ in bulkhead.failed}
    return bool(set(names) - failed)  # those that failed come again with their lease, not at once


def _deliver_channel(inputs: NotificationInputs, name: str, now: datetime, dice: Callable[[], float]) -> None:
    channel = inputs.channels.get(name)
    with inputs.store.write() as session:
        health = _health(session, name)
        if channel is None or health.disabled_at is not None:
            _fail_all(session, name, f"{name} {notifications.GONE}" if channel is None else "switched off", now)
            return
        most = health.at_most(now)
        if most == 0:
            assert health.open_until is not None
            notifications.put_off(session, name, health.open_until)
            return
        limit = min(most or MAX_PER_MESSAGE, MAX_PER_TURN) if channel.kind == "webhook" else MAX_PER_MESSAGE
        audible = _not_muted(session, notifications.take(session, name, limit=limit, now=now), now)
    taken = _without_sealed(inputs, audible)
    if channel.kind == "webhook":
        _send_one_by_one(inputs, channel, taken, dice)
        return
    together: dict[int, tuple[Notice, Message]] = {}
    for one in taken:
        message = _message(inputs, one, program=False)
        if isinstance(message, str):
            _settle(inputs, channel, [one], Attempt("refused", message), dice)
        elif _has_secret(one):  # a message of its own, and never part of a digest
            _settle(inputs, channel, [one], send(channel, *compose([message])), dice)
        else:
            together[one.id] = one, message
    if together:
        rest, messages = zip(*together.values(), strict=True)
        title, text = compose(messages, by_owner=channel.digest is not None)
        _settle(inputs, channel, rest, send(channel, title, text), dice)


def _without_sealed(inputs: NotificationInputs, taken: Sequence[Notice]) -> Sequence[Notice]:
    """Postpone messages with a secret while the key to decrypt it is missing. Return the others."""
    sealed = [one for one in taken if _has_secret(one)]
    try:
        if sealed:
            inputs.box()
    except SettingsError as error:
        with inputs.store.write() as session:
            for one in sealed:
                later = inputs.clock() + PAUSE_SETTINGS
                settle(session, one, due_at=later, attempts=one.attempts - 1, error="; ".join(error.problems))
        return [one for one in taken if not _has_secret(one)]
    return taken


def _send_one_by_one(
    inputs: NotificationInputs, channel: Channel, taken: Sequence[Notice], dice: Callable[[], float]
) -> None:
    """Send each notice in a separate message. After a failure the rest waits, because the endpoint has a problem."""
    if not taken:
        return
    with client(channel) as outgoing:
        for position, notice in enumerate(taken):
            result = _attempt(inputs, channel, outgoing, notice)
            _settle(inputs, channel, [notice], result, dice)
            if result.result != "taken":
                _give_back(inputs, taken[position + 1 :])
                return


def _attempt(inputs: NotificationInputs, channel: Channel, outgoing: Outgoing, notice: Notice) -> Attempt:
    message = _message(inputs, notice, program=True)
    if isinstance(message, str):
        return Attempt("refused", message)
    return attempt(outgoing, channel, f"ntc_{notice.id}", _body(channel, message), inputs.clock())


def _message(inputs: NotificationInputs, notice: Notice, *, program: bool) -> Message | str:
    """Return the message, with its secret if it has one, or why there is none. An unreadable notice fails alone."""
    try:
        return _opened(inputs, notice, program=program) if _has_secret(notice) else message_of(notice)
    except NOT_ITS_FAULT:
        raise
    except Exception as error:
        log.exception("notice cannot be read", notice=notice.id, topic=notice.topic)
        return f"a fault of this program: {sentence(error)}"


def _opened(inputs: NotificationInputs, notice: Notice, *, program: bool) -> Message | str:
    return secret_delivery.message_with_secret(
        inputs.store, inputs.box(), notice, message_of(notice), program=program, now=inputs.clock()
    )


def _has_secret(notice: Notice) -> bool:
    return current_name(notice.topic) == secret_delivery.TOPIC


def _body(channel: Channel, message: Message) -> str:
    return envelope(message, former_names=channel.former_names)


def request_of(notice: Notice, channel: Channel | None) -> dict[str, Any] | None:
    """Return the body of the request to the channel. None for people, a deleted channel and a message with a secret."""
    if channel is None or channel.kind != "webhook" or _has_secret(notice):
        return None
    body: dict[str, Any] = json.loads(_body(channel, message_of(notice)))
    return body


def message_of(notice: Notice) -> Message:
    """Return the message of a notice with current names, whichever version wrote the row."""
    topic = current_name(notice.topic)
    return Message(
        topic=topic,
        text=notice.text,
        at=notice.created_at,
        rule=notice.rule_id,
        owner=notice.owner,
        data=current_data(topic, notice.data),
    )


def _not_muted(session: Session, taken: Sequence[Notice], now: datetime) -> list[Notice]:
    channel_mutes = notifications.channel_mutes(session, now)
    audible = []
    for notice in taken:
        mute = next((one for one in channel_mutes if one.covers(notice)), None)
        if mute is None:
            audible.append(notice)
        else:
            settle(session, notice, state=NoticeState.SILENCED, ended_at=now, error=f"muted by {mute.by}")
    return audible


def _settle(
    inputs: NotificationInputs, channel: Channel, taken: Sequence[Notice], result: Attempt, dice: Callable[[], float]
) -> None:
    now = inputs.clock()
    NOTICES.labels(channel.name, result.result).inc()
    with inputs.store.write() as session:
        for notice in taken:
            ours = settle(session, notice, **_outcome(notice, result, now, dice))
            if ours and result.result == "taken" and _has_secret(notice):
                secret_delivery.forget_delivered(session, inputs.box(), notice, now)
        before = _health(session, channel.name)
        after = _after(before, result, now)
        if after != before:
            session.merge(ChannelHealth(channel=channel.name, **asdict(after)))
        if after.disabled_at is not None and before.disabled_at is None:
            _notify_disabled(inputs, session, channel.name, after, now)
    if result.result != "taken":
        log.warning("notice refused", channel=channel.name, notices=len(taken), why=result.words, status=result.status)


def _outcome(notice: Notice, result: Attempt, now: datetime, dice: Callable[[], float]) -> dict[str, object]:
    if result.result == "taken":
        return {"state": NoticeState.SENT, "ended_at": now, "error": None}
    wait = retry_schedule.wait(notice.attempts, dice=dice(), asked=result.asked) if result.result == "again" else None
    if wait is None:
        return {"state": NoticeState.FAILED, "ended_at": now, "error": result.words}
    return {"due_at": now + wait, "error": result.words}


def _after(health: Health, result: Attempt, now: datetime) -> Health:
    match result.result:
        case "taken":
            return circuit_breaker.succeeded(health)
        case "gone":
            return circuit_breaker.disabled(circuit_breaker.failed(health, now), now, result.words)
        case "again":
            return circuit_breaker.failed(health, now)
        case "refused":
            return health  # ours to mend, in bridge.yaml; the endpoint has done nothing


def _give_back(inputs: NotificationInputs, rest: Sequence[Notice]) -> None:
    with inputs.store.write() as session:
        for notice in rest:
            settle(session, notice, attempts=notice.attempts - 1)


def _notify_disabled(inputs: NotificationInputs, session: Session, name: str, health: Health, now: datetime) -> None:
    """Notify other channels that a channel is disabled, so that its silence is not the only sign."""
    row = {
        "topic": "endpoint_disabled",
        "dedupe_key": f"endpoint_disabled:{name}:{now.isoformat()}",
        "text": f"{name} is switched off: {health.disabled_why}; `integr8-bridge channels enable {name}` ends that",
        "created_at": now,
        "due_at": now,
    }
    notifications.add(
        session,
        [{**row, "channel": other} for other in inputs.operations or inputs.channels if other != name],
    )


def _fail_all(session: Session, name: str, why: str, now: datetime) -> None:
    for notice in notifications.take(session, name, limit=MAX_PER_MESSAGE, now=now):
        settle(session, notice, state=NoticeState.FAILED, ended_at=now, error=why)


def _health(session: Session, name: str) -> Health:
    row = notifications.health(session, name)
    if row is None:
        return Health()
    return Health(
        failures=row.failures,
        failing_since=row.failing_since,
        open_until=row.open_until,
        disabled_at=row.disabled_at,
        disabled_why=row.disabled_why,
    )


def deliver_test(channel: Channel, now: datetime) -> Attempt:
    """Send one message at once, without queue and breaker, because a person waits for the answer."""
    notice = Message(topic="test", text="This is a test message. Nothing has happened.", at=now)
    if channel.kind == "webhook":
        with client(channel) as outgoing:
            return attempt(outgoing, channel, f"test_{int(now.timestamp() * 1000)}", _body(channel, notice), now)
    title, text = compose([notice])
    return send(channel, title, text)
