"""Mute items: rules leave an item alone because a person decided about it, or protected it."""

from datetime import UTC, datetime

from sqlalchemy import delete, select

from bridge.operations.errors import NotThere, OperationError, Refused
from bridge.operations.item_lookup import SeveralAccounts
from bridge.services.container import Services
from bridge.store import audit_log, entities
from bridge.store.engine import Store
from bridge.store.entities import ITEM_KINDS
from bridge.store.holds import Mute

EVERY_RULE = "*"
FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)  # until somebody ends it


def mute_item(
    services: Services, item: str, *, account: str | None = None, rule: str = EVERY_RULE, until: datetime | None = None,
    why: str, who: str, now: datetime,
) -> list[Mute]:  # fmt: skip
    """Keep a rule, or all rules, from an item such as `offer=42`. `until` None: until somebody ends it.

    If several accounts have such an item and none is named, all rules are kept from each of them, and one rule from
    that of its own account. Active holds of the rule stay until their end. Returns one mute for each account. Raises
    Refused, NotThere.
    """
    kind, identity = _parsed(item)
    if not why.strip():
        raise Refused("a reason is missing; it explains the exception later")
    if until is not None and until <= now:
        raise Refused("the end lies in the past; choose a later one, or none")
    with services.store.write() as session:
        found = entities.all_named(session, kind, identity, account=account)
        if not found:
            raise NotThere(f"there is no {kind} {identity}{f' in account {account}' if account is not None else ''}")
        if rule != EVERY_RULE:
            revision = services.library.current(session).revisions.get(rule)
            if revision is None:
                raise NotThere(f"there is no rule {rule}")
            found = [one for one in found if one.account == revision.account]
            if not found:
                raise NotThere(f"there is no {kind} {identity} in account {revision.account}, which {rule} works in")
        made = [
            session.merge(
                Mute(
                    rule_id=rule, account=one.account, kind=kind, target_id=one.number or one.ref,
                    until=until or FOR_EVER, why=f"{why.strip()[:300]} ({who})",
                )
            )
            for one in found
        ]  # fmt: skip
        detail = {"rule": "all rules" if rule == EVERY_RULE else rule, "why": why.strip()[:300]}
        detail |= {"account": ", ".join(dict.fromkeys(one.account for one in made))}
        detail |= {"until": until.isoformat()} if until else {}
        audit_log.note(session, who=who, what="mute", about=f"{kind} {identity}", now=now, detail=detail)
    return made


def end_mutes(
    store: Store, rule: str, item: str, *, account: str | None = None, who: str, now: datetime
) -> bool:  # fmt: skip
    """End the mutes of an item such as `offer=42`. Returns False if there were none.

    Raises OperationError, and SeveralAccounts if that item of several accounts is muted and no account is named: a mute
    of another account must not end by mistake.
    """
    kind, _, identity = item.partition("=")
    if not rule or not kind or not identity:
        raise OperationError("name a rule and an item such as offer=42, so nothing was done")
    with store.write() as session:
        wanted = (Mute.rule_id == rule, entities.is_of_item(session, Mute, kind, identity, account=account))
        accounts = session.scalars(select(Mute.account).where(*wanted).distinct()).all()
        if len(accounts) > 1:
            raise SeveralAccounts(f"the mute of {kind} {identity}", accounts)
        if accounts:
            session.execute(delete(Mute).where(*wanted).execution_options(synchronize_session=False))
            detail = {"rule": rule, "account": accounts[0]}
            audit_log.note(session, who=who, what="end mute", about=f"{kind} {identity}", now=now, detail=detail)
    return bool(accounts)


def _parsed(item: str) -> tuple[str, str]:
    kind, _, identity = item.strip().partition("=")
    if kind not in ITEM_KINDS or not identity.strip():
        raise Refused(f"{item[:60]!r} is not an item; write one such as offer=42")
    return kind, identity.strip()
