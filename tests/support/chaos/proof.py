"""What must hold when it is quiet again: Integr8's own log against the database. Each problem is one sentence."""

from collections import Counter

from sqlalchemy import and_, func, not_, select
from sqlalchemy.exc import SQLAlchemyError

from bridge.store import decision_lock, ledger
from bridge.store.decision_lock import DecisionLock
from bridge.store.holds import Hold, HoldState
from bridge.store.journal import Event, EventState
from bridge.store.ledger import Effect, EffectState, PlanState, StoredPlan
from chaos.rig import RATE

GOOD = (EffectState.APPLIED, EffectState.SKIPPED)


def quiet(rig) -> bool:
    """Nothing waits and nothing is under way.

    What was sent for a target that a person archived meanwhile stays unknown: no read shows the target any more, which
    proves nothing, so it is looked for now and then.
    """
    unseen = and_(Effect.state == EffectState.UNKNOWN, Effect.target_id.in_(rig.archived))
    try:
        with rig.store.read() as session:
            waiting = session.scalar(select(func.count()).where(Event.state == EventState.RECEIVED))
            under_way = session.scalar(select(func.count()).where(Effect.state.in_(ledger.OPEN_STATES), not_(unseen)))
            ready = select(func.count()).where(StoredPlan.state == PlanState.READY)
            plans = session.scalar(ready.where(StoredPlan.id.not_in(select(Effect.plan_id).where(unseen))))
    except SQLAlchemyError:
        return False  # the database is what was hit
    return not (waiting or under_way or plans or _unfound(rig))


def _unfound(rig) -> set[str]:
    """Offers that the reports show to be bad and that no effect has ended for."""
    wanted = {offer for load in rig.loads for offer in load.found}
    if not wanted:
        return set()
    with rig.store.read() as session:
        ended = set(session.scalars(select(Effect.target_id).where(Effect.state.in_(GOOD), Effect.kind == "offer")))
    ids = text_ids(rig.integr8.get("/_sim/state").json())
    return wanted - {ids.get(one, one) for one in ended}


def text_ids(state) -> dict[str, str]:
    """Reports, and the rules that read them, know an offer by another number than the API."""
    return {str(one["incremental_id"]): one["id"] for one in state["offers"]}


def undecided(rig) -> int:
    """Events that no rule has looked at yet."""
    with rig.store.read() as session:
        return session.scalar(select(func.count()).where(Event.state == EventState.RECEIVED))


def open_work(rig) -> list[str]:
    """What keeps it from being quiet."""
    with rig.store.read() as session:
        effects = session.scalars(select(Effect).where(Effect.state.in_(ledger.OPEN_STATES)).limit(10))
        events = session.scalars(select(Event).where(Event.state == EventState.RECEIVED).limit(10))
        return [f"{one.verb} {one.target_id}: {one.state}, due {one.due_at}, {one.error}" for one in effects] + [
            f"event {one.id}: {one.attempts} attempts, {one.problem}" for one in events
        ]


def problems(rig, loads) -> list[str]:
    """Everything that was promised and does not hold, over all rounds of this rig."""
    forgiven = rig.forgiven  # targets that a person changed meanwhile
    state = rig.integr8.get("/_sim/state").json()
    writes = rig.integr8.get("/_sim/writes", params={"journal": 1}).json()["journal"]
    emails = [email for load in loads for email in load.emails]
    offers = [offer for load in loads for offer in (*load.offers, *load.found)]
    return [
        *_journal(rig, loads),
        *_creations(state, writes, emails),
        *_pauses(state, writes, offers, forgiven),
        *_books(rig, writes, emails, offers, forgiven, text_ids(state)),
        *_spared(rig, writes),
        *_leases(rig),
        *_rate(rig),
    ]


def _spared(rig, writes) -> list[str]:
    touched = {row["id"] for row in writes if row["by"] != "person" and row["changed"]}
    return [f"offer {one}: was to be left alone" for one in sorted(rig.spared & touched)]


def _journal(rig, loads) -> list[str]:
    with rig.store.read() as session:
        states = dict(session.execute(select(Event.id, Event.state)).all())
    found = []
    for load in loads:
        found += [f"delivery {one} became two events" for one in load.disagreements]
        if load.unanswered:
            found.append(f"{load.unanswered} deliveries were never answered with 2xx")
        for delivery, event in load.answered.items():
            wanted = EventState.DEAD if event in rig.poisoned else EventState.DONE
            if states.get(event) != wanted:
                found.append(f"{delivery} was answered with event {event}, which is {states.get(event, 'lost')}")
    return found


def _creations(state, writes, emails) -> list[str]:
    living = Counter(one["email"] for one in state["publishers"])
    created = Counter(row["fields"].get("email") for row in writes if row["by"] == "publishers.create")
    return [
        f"{email}: {living[email]} publishers, created {created[email]} times"
        for email in emails
        if living[email] != 1 or created[email] != 1
    ]


def _pauses(state, writes, offers, forgiven) -> list[str]:
    active = {one["id"]: one["active"] for one in state["offers"]}
    changes = Counter(
        row["id"] for row in writes if row["noun"] == "offer" and row["by"] != "person" and row["changed"]
    )
    return [
        f"offer {offer}: active {active.get(offer)}, changed {changes[offer]} times"
        for offer in offers
        if offer not in forgiven and (active.get(offer) is not False or changes[offer] != 1)
    ]


def _books(rig, writes, emails, offers, forgiven, ids) -> list[str]:
    with rig.store.read() as session:
        effects = list(session.scalars(select(Effect)))
        held = set(session.scalars(select(Hold.target_id).where(Hold.state == HoldState.ACTIVE)))
    held = {ids.get(one, one) for one in held}
    good = {ids.get(effect.target_id, effect.target_id) for effect in effects if effect.state in GOOD}
    planned = {ids.get(effect.target_id, effect.target_id) for effect in effects}
    wanted = {effect.key.get("email") for effect in effects if effect.verb == "ensure"}
    asked = [row for row in writes if row["by"] != "person" and row["changed"]]
    found = [
        f"offer {one}: paused, but no active hold says so" for one in offers if one not in held and one not in forgiven
    ]
    found += [
        f"offer {one}: the ledger does not say applied" for one in offers if one not in good and one not in forgiven
    ]
    found += [f"{one}: no effect wanted it" for one in emails if one not in wanted]
    for row in asked:
        known = row["fields"].get("email") in wanted if row["action"] == "create" else row["id"] in planned
        if not known:
            found.append(f"{row['by']} on {row['id']}: a write without a plan")
    return found


def _leases(rig) -> list[str]:
    with rig.store.read() as session:
        held = session.scalar(
            select(func.count()).where(Effect.claimed_by.is_not(None), Effect.state.in_(ledger.ENDED))
        )
        turns = session.scalar(select(func.count()).where(DecisionLock.name == decision_lock.EVENTS))
    return ([f"{held} effects have ended and are still claimed"] if held else []) + (
        [f"{turns} turns of deciding; there is one"] if turns != 1 else []
    )


def _rate(rig) -> list[str]:
    most = rig.integr8.get("/_sim/requests/summary").json()["max_in_one_second"]
    return [f"{most} requests in one second; {RATE} are allowed"] if most > RATE else []
