"""Show a generated password, once."""

import hashlib
from datetime import datetime
from typing import Any

import orjson

from bridge.operations.errors import NotThere, Refused
from bridge.services.container import Services
from bridge.services.secrets import Unsealable
from bridge.store import audit_log, one_time_secrets
from bridge.store.ledger import Effect


def reveal_secret(services: Services, effect_id: int, *, who: str, now: datetime) -> dict[str, Any]:
    """Return the secret of an effect, for example {"password": ...}. This call deletes it.

    Raises NotThere if the effect made none, Refused if it was delivered already or has expired.
    """
    with services.store.write() as session:
        effect = session.get(Effect, effect_id)
        result = (effect.result if effect else None) or {}
        sealed = result.get("one_time_secret") or result.get("handover")  # the name that 0.1.0 wrote
        if effect is None or sealed is None:
            raise NotThere(f"effect {effect_id}: generated no secret")
        try:
            token = services.box.open(sealed.encode())
            found = one_time_secrets.take(session, hashlib.sha256(token).hexdigest(), now)
            if found is None:
                raise Refused(f"effect {effect_id}: its secret was delivered already, or has expired; set a new one")
            secret: dict[str, Any] = orjson.loads(services.box.open(found.sealed))
        except Unsealable as error:
            raise Refused(f"effect {effect_id}: {error}") from None
        detail = {"effect": effect_id, "account": effect.account}
        audit_log.note(session, who=who, what="deliver secret", about=found.about, now=now, detail=detail)
    return secret
