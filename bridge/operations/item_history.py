"""The history of one item: changes, pauses, undos, mutes and checks, by whom and with which figures."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from bridge.operations.change_authors import Author, author_of, authors
from bridge.operations.undo_status import UndoneItems, undone_items
from bridge.store import entities
from bridge.store.entities import ChangedBy, Entity, EntityChange
from bridge.store.holds import Hold, HoldState, Mute
from bridge.store.ledger import Effect, EffectState, StoredPlan
from bridge.store.runs import Run, StoredVerdict
from rules.model.formatting import plainly
from rules.model.verdicts import Answer

CHANGES = 100  # of each kind that a page reads
CHECKS = 300
MAX_VALUE_CHARS = 200  # of a value before or after a change
PROVISIONED = ("publisher", "advertiser", "user")  # kinds that rules create by a natural key


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line of the story. `number` identifies `kind`, for links; `times` counts folded checks."""

    at: datetime
    kind: str  # change, effect, hold, check
    who: str
    what: str
    detail: str = ""
    state: str = ""
    run_id: int | None = None
    rule_id: str | None = None
    event_id: str | None = None
    undone_by: int | None = None
    can_undo: bool = False
    times: int = 1
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """The events, newest first, and the present state."""

    moments: Sequence[Moment]
    holds: Sequence[Hold]
    mutes: Sequence[Mute]
    made_by: Moment | None  # the effect that created the item here
    is_cut: bool  # there is more than was read


def story(session: Session, entity: Entity, rules_elsewhere: Collection[str] = ()) -> Story:
    """Return everything that is known about one entity.

    Decisions of `rules_elsewhere` are about items of other accounts.
    """
    ids = every_id_of(entity)
    effects = _effects(session, entity, ids)
    undone = undone_items(session, {run.id for _, _, run in effects})
    changed = entities.changes(session, account=entity.account, kind=entity.kind, ref=entity.ref, limit=CHANGES)
    held = session.scalars(
        select(Hold)
        .where(Hold.account == entity.account, Hold.target_id.in_(ids), Hold.kind == entity.kind)
        .order_by(Hold.id.desc())
        .limit(CHANGES)
    ).all()
    done = [_of_effect(*row, undone) for row in effects]
    shown = {effect.id for effect, _, _ in effects}
    moments = [
        *done,
        *_of_changes(changed, authors(session, {one.effect_id for one in changed if one.effect_id}), shown),
        *_of_holds(held),
        *_without_repeats(_of_checks(session, entity.kind, ids, rules_elsewhere), done),
    ]
    mutes = session.scalars(
        select(Mute).where(Mute.account == entity.account, Mute.kind == entity.kind, Mute.target_id.in_(ids))
    )
    moments.sort(key=lambda one: one.at, reverse=True)
    made = next((one for one in done if one.what.startswith("created")), None)
    is_cut = max(len(effects), len(changed), len(held)) >= CHANGES
    return Story(moments, held, mutes.all(), made, is_cut)


def every_id_of(entity: Entity) -> list[str]:
    """Return every name that a rule, report or webhook may use for it: both ids, and its natural keys."""
    email = entity.fields.get("email")
    keys = [f"email={email}", f"email={str(email).lower()}"] if email else []
    return [one for one in (entity.ref, entity.number, *keys) if one]


def _effects(session: Session, entity: Entity, ids: Sequence[str]) -> list[tuple[Effect, StoredPlan, Run]]:
    wanted = and_(Effect.account == entity.account, Effect.kind == entity.kind, Effect.target_id.in_(ids))
    query = (
        select(Effect, StoredPlan, Run)
        .join(StoredPlan, StoredPlan.id == Effect.plan_id)
        .join(Run, Run.id == StoredPlan.run_id)
        .where(wanted)
        .order_by(Effect.id.desc())
        .limit(CHANGES)
    )
    found = [(row[0], row[1], row[2]) for row in session.execute(query)]
    if entity.kind in PROVISIONED:
        by_key = select(Effect.id).where(
            Effect.account == entity.account,
            Effect.kind == entity.kind,
            Effect.verb == "ensure",
            Effect.result["id"].as_string() == entity.ref,
        )
        known = {effect.id for effect, _, _ in found}
        more = set(session.scalars(by_key.order_by(Effect.id.desc()).limit(CHANGES))) - known
        extra = (
            select(Effect, StoredPlan, Run)
            .join(StoredPlan, StoredPlan.id == Effect.plan_id)
            .join(Run, Run.id == StoredPlan.run_id)
            .where(Effect.id.in_(more))
        )
        found += [(row[0], row[1], row[2]) for row in session.execute(extra)] if more else []
    return found


def _of_effect(effect: Effect, plan: StoredPlan, run: Run, undone: UndoneItems) -> Moment:
    author = author_of(effect, plan, run)
    back = undone.undid(run.id, effect)
    applied = effect.state == EffectState.APPLIED
    return Moment(
        at=effect.ended_at or plan.created_at,
        kind="effect",
        who=author.text,
        what=_said(effect),
        detail=effect.error or effect.reason or "",
        state=_state(effect, plan),
        run_id=run.id,
        rule_id=effect.rule_id,
        event_id=run.event_id,
        undone_by=back,
        can_undo=applied and back is None,
    )


DONE = {
    "pause": "paused",
    "activate": "activated",
    "update": "changed",
    "ensure": "made sure it exists",
    "set": "changed",
}


def _said(effect: Effect) -> str:
    if effect.state != EffectState.APPLIED:
        return f"{effect.verb} {effect.kind}"
    if (effect.result or {}).get("created"):
        return f"created {effect.kind}"
    return DONE.get(effect.verb, effect.verb)


def _state(effect: Effect, plan: StoredPlan) -> str:
    if plan.state in {"shadow", "waiting", "stopped"}:
        return plan.state
    return (plan.decision or plan.state) if plan.state == "dropped" else effect.shown


def _of_changes(found: Iterable[EntityChange], by: dict[int, Author], shown: set[int]) -> Iterator[Moment]:
    """Yield the differences that Integr8 shows, without those of our own effects."""
    for one in found:
        if one.effect_id in shown:
            continue
        author = by.get(one.effect_id) if one.effect_id else None
        before, after = (plainly(value)[:MAX_VALUE_CHARS] for value in (one.before, one.after))
        yield Moment(
            at=one.seen_at,
            kind="change",
            who=changed_by(one, author),
            what=f"{one.field}: {before} → {after}",
            rule_id=one.rule,
            run_id=author.run_id if author else None,
        )


def changed_by(change: EntityChange, author: Author | None) -> str:
    """Return the author of a change in words: of our effect, or as far as the cause is known."""
    if author is not None:
        return author.text
    if change.cause == ChangedBy.RULE and change.rule:
        return f"rule {change.rule}"
    return "a person in Integr8" if change.cause == ChangedBy.PERSON else "not known"


def _of_holds(held: Iterable[Hold]) -> Iterator[Moment]:
    for hold in held:
        if hold.state == HoldState.ACTIVE or hold.ended_at is None:
            continue
        person = hold.state == HoldState.OVERRIDDEN
        yield Moment(
            at=hold.ended_at,
            kind="hold",
            who="a person in Integr8" if person else hold.ended_by or f"rule {hold.rule_id}",
            what=f"pause of {hold.rule_id} ended",
            detail=hold.ended_why or "",
            state="overridden" if person else "released",
            rule_id=hold.rule_id,
        )


def _of_checks(session: Session, kind: str, ids: Sequence[str], elsewhere: Collection[str]) -> Iterator[Moment]:
    """Yield evaluations that said yes or could not decide, folded while the answer and its result stay the same."""
    query = (
        select(StoredVerdict.answer, StoredVerdict.reason, Run)
        .join(Run, Run.id == StoredVerdict.run_id)
        .where(or_(*(StoredVerdict.subject == f"{kind}={one}" for one in ids)), Run.rule_id.not_in(elsewhere))
        .order_by(StoredVerdict.run_id.desc())
        .limit(CHECKS)
    )
    rows = session.execute(query).all()
    by_rule: dict[str, list[tuple[int, str, Run]]] = {}
    for answer, reason, run in rows:
        by_rule.setdefault(run.rule_id, []).append((answer, reason, run))
    for rule, mine in by_rule.items():
        yield from _folded(rule, mine)


def _without_repeats(checks: Iterable[Moment], done: Iterable[Moment]) -> Iterator[Moment]:
    """Leave out a check if the same run changed the item for its reason: that line says both."""
    told = {(one.run_id, one.detail) for one in done}
    return (one for one in checks if one.times > 1 or (one.run_id, one.detail) not in told)


def _folded(rule: str, rows: Sequence[tuple[int, str, Run]]) -> Iterator[Moment]:
    begin = 0
    for place in range(1, len(rows) + 1):
        first = rows[begin]
        if place < len(rows) and (rows[place][0], rows[place][2].outcome) == (first[0], first[2].outcome):
            continue
        answer, reason, run = first
        yield Moment(
            at=run.started_at,
            kind="check",
            who=f"rule {rule}",
            what="not enough data" if answer == Answer.NO_DECISION else Answer(answer).word,
            detail=reason,
            state=Answer(answer).word,
            run_id=run.id,
            rule_id=rule,
            event_id=run.event_id,
            times=place - begin,
            since=rows[place - 1][2].started_at,
        )
        begin = place


def created_item(session: Session, account: str | None, kind: str, key: str) -> str | None:
    """Return Integr8's id of what an effect ensured under a natural key such as `email=ann@example.com`.

    Without an account, that of the newest effect in any.
    """
    wanted = [Effect.kind == kind, Effect.target_id == key, Effect.state == EffectState.APPLIED]
    wanted += [] if account is None else [Effect.account == account]
    query = select(Effect.result).where(*wanted).order_by(Effect.id.desc()).limit(1)
    result = session.scalar(query) or {}
    return str(result["id"]) if result.get("id") is not None else None
