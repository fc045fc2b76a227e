"""Mute and unmute notification channels, from the command line and over the API."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from bridge.operations.errors import NothingSelected, NotThere, Refused
from bridge.store import audit_log, notifications, revisions
from bridge.store.notifications import ChannelMute, Notice, NoticeState
from rules.model.spelling import did_you_mean
from rules.model.topics import TOPICS, current_name

WITH_SECRET = "one_time_secret"  # noqa: S105 - the topic of a message that carries a provisioned password


def mute_channel(
    session: Session,
    *,
    channel: str | None,
    rule_id: str | None,
    topic: str | None,
    rules: Collection[str],
    until: datetime,
    why: str,
    who: str,
    now: datetime,
) -> ChannelMute:
    """Mute notices about a rule or a topic, or to a channel, until then; None stands for all of them.

    `rules` are the ids of the loaded rules. Raises NothingSelected for a rule or topic without any notices, because
    muting it would have no effect.
    """
    topic = None if topic is None else current_name(topic)
    if topic is not None and topic not in TOPICS:
        raise NothingSelected(f"topic {topic!r}: not found{did_you_mean(topic, TOPICS)}")
    if rule_id is not None and rule_id not in rules and not revisions.history(session, rule_id):
        raise NothingSelected(f"rule {rule_id!r}: not found{did_you_mean(rule_id, rules)}")
    made = ChannelMute(channel=channel, rule_id=rule_id, topic=topic, until=until, by=who, why=why)
    session.add(made)
    session.flush()
    audit_log.note(session, who=who, what="mute channel", about=rule_id or topic or channel or "everything", now=now)
    return made


def send_again(session: Session, notice_id: int, *, who: str, now: datetime) -> Notice:
    """Send a message again now, whether or not it was delivered. Raises NotThere, Refused."""
    found = session.get(Notice, notice_id, with_for_update=True)
    if found is None:
        raise NotThere(f"message {notice_id}: not found, or deleted by retention")
    if current_name(found.topic) == WITH_SECRET and found.state != NoticeState.WAITING:
        raise Refused(f"message {notice_id}: it held a secret, and a secret is shown only once")
    found.state, found.due_at, found.ended_at, found.error = NoticeState.WAITING, now, None, None
    found.claimed_by, found.claimed_until = None, None
    found.fence += 1
    audit_log.note(session, who=who, what="send again", about=f"message {notice_id}", now=now)
    return found


def enable(session: Session, channel: str, *, who: str, now: datetime) -> int:
    """Use a disabled channel again. Returns how many missed notices are tried again."""
    again = notifications.enable(session, channel, now)
    audit_log.note(session, who=who, what="enable channel", about=channel, now=now)
    return again
