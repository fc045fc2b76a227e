"""Deliver generated passwords to the channel that a rule names (`deliver_secret_to:`).

The waiting notice holds only an encrypted reference to the encrypted secret. Once the channel has taken the message,
the secret is gone, as it is when a person fetches it first, or when its time is up.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.orm import Session

from bridge.outbound.notices import Message
from bridge.services.secrets import SecretsBox, Unsealable
from bridge.store import audit_log, one_time_secrets
from bridge.store.engine import Store
from bridge.store.ledger import Effect
from bridge.store.notifications import Notice

TOPIC = "one_time_secret"


def message_with_secret(
    store: Store, box: SecretsBox, notice: Notice, told: Message, *, program: bool, now: datetime
) -> Message | str:
    """Return the message with the secret, or the reason why it is gone. A program gets it as data."""
    try:
        with store.read() as session:
            found = one_time_secrets.find(session, _key(box, notice.data), now)
            secret = orjson.loads(box.open(found.sealed)) if found else None
    except Unsealable as error:
        return str(error)
    if secret is None:
        return "the secret was delivered already, or has expired; set a new one"
    if program:
        return replace(told, data={"effect": notice.data["effect"], "secret": secret})
    words = ", ".join(f"{name}: {value}" for name, value in secret.items())
    return replace(told, text=f"{told.text}; {words}", data={})


def forget_delivered(session: Session, box: SecretsBox, notice: Notice, now: datetime) -> None:
    """Delete the secret that the channel has received, and record who got it."""
    found = one_time_secrets.take(session, _key(box, notice.data), now)
    if found is not None:
        effect = session.get(Effect, notice.data["effect"])
        detail = {"effect": notice.data["effect"], **({"account": effect.account} if effect is not None else {})}
        audit_log.note(
            session, who=f"channel {notice.channel}", what="deliver secret", about=found.about, now=now, detail=detail
        )


def _key(box: SecretsBox, data: Mapping[str, Any]) -> str:
    return hashlib.sha256(box.open(str(data["sealed"]).encode())).hexdigest()
