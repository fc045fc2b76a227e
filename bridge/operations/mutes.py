"""Mute and unmute notification channels, from the command line and over the API."""

from datetime import datetime

from sqlalchemy.orm import Session

from bridge.store import audit_log, notifications
from bridge.store.notifications import ChannelMute


def silence(
    session: Session,
    *,
    channel: str | None,
    rule_id: str | None,
    topic: str | None,
    until: datetime,
    why: str,
    who: str,
    now: datetime,
) -> ChannelMute:
    """Say nothing until then about a rule or a topic, or to a channel; None stands for all of them."""
    made = ChannelMute(channel=channel, rule_id=rule_id, topic=topic, until=until, by=who, why=why)
    session.add(made)
    session.flush()
    audit_log.note(session, who=who, what="silence", about=rule_id or topic or channel or "everything", now=now)
    return made


def enable(session: Session, channel: str, *, who: str, now: datetime) -> int:
    """Use a channel again that was switched off. Returns how many notices that it missed are tried again."""
    again = notifications.enable(session, channel, now)
    audit_log.note(session, who=who, what="enable channel", about=channel, now=now)
    return again
