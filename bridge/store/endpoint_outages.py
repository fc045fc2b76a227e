"""Remember which kinds of calls Integr8 fails while it answers others, so that what waits for one goes on together.

An outage of an endpoint is a due slot. While it is open, the effects of the endpoint stay due and are not claimed,
except for one at a time, which finds out whether the outage is over. Then all of them are taken in their own order:
with a wait of its own for each, those that had failed most often, the oldest, would come back last.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from bridge.store import slots
from bridge.store.account_scope import EVERYONE, AccountScope
from bridge.store.ledger import OPEN_STATES, Effect, endpoint_name
from bridge.store.slots import Slot, SlotState

KIND = "endpoint"
FIRST_PAUSE = timedelta(seconds=2)  # between two tries of a fresh outage
LONGEST_PAUSE = timedelta(seconds=30)  # of one that has lasted for most of an hour
SHARE_OF_AGE = 90  # an outage that is so many times a pause old is tried again after that pause
PROBE = timedelta(seconds=90)  # longer than one effect takes; a worker that is killed meanwhile keeps it for so long
ALL_EVERY = 5  # tries; the fifth is made with all that waits
PULLED_IN = timedelta(seconds=61)  # waits up to the longest that an effect has because Integr8 failed


class Endpoint(NamedTuple):
    """Names the calls that an effect needs: those of a verb on a kind of target at one account."""

    account: str
    verb: str
    kind: str

    @property
    def name(self) -> str:
        return ":".join(self)

    @classmethod
    def named(cls, name: str) -> "Endpoint":
        """Return the endpoint that has this name. A verb and a kind contain no colon."""
        return cls(*name.rsplit(":", 2))


def of(effect: Effect) -> Endpoint:
    """Return the endpoint of an effect."""
    return Endpoint(effect.account, effect.verb, effect.kind)


def open_ones(session: Session) -> set[str]:
    """Return the names of the endpoints that are out."""
    query = select(Slot.key).where(Slot.kind == KIND, Slot.state == SlotState.DUE)
    return {key.partition(":")[2] for key in session.scalars(query)}


def take_probes(
    session: Session, now: datetime, *, away: Collection[str] = (), scope: AccountScope = EVERYONE
) -> dict[str, Slot]:
    """Claim the endpoints to be tried now, with their slots; none of accounts that are `away`."""
    found: dict[str, Slot] = {}
    for slot in slots.take(session, KIND, limit=20, now=now, length=PROBE, alone=True, scope=scope):
        name = slot.key.partition(":")[2]
        if Endpoint.named(name).account in away:
            slots.put_off(session, slot, now)
        else:
            found[name] = slot
    return found


def begin(session: Session, endpoint: Endpoint, now: datetime) -> None:
    """Open an outage: Integr8 answers nothing of this endpoint. An outage that is open already stays as it is."""
    key = f"{KIND}:{endpoint.name}"
    if not slots.is_waiting(session, key):
        slots.open_slots(session, [(KIND, key, now + FIRST_PAUSE)])


def go_on(session: Session, probe: Slot, now: datetime) -> None:
    """Schedule the next try of an outage that is not over. The pause grows with the age of the outage."""
    pause = min(max(FIRST_PAUSE, (now - probe.at) / SHARE_OF_AGE), LONGEST_PAUSE)
    slots.put_off(session, probe, now + pause, progress={"turn": _turn(probe) + 1})


def with_all(probe: Slot) -> bool:
    """Return whether more than the first effect is tried now: Integr8 may fail on that one alone."""
    return _turn(probe) % ALL_EVERY == ALL_EVERY - 1


def _turn(probe: Slot) -> int:
    return int((probe.progress or {}).get("turn", 0))


def several_wait(session: Session, endpoint: Endpoint, but: Collection[int]) -> bool:
    """Return whether others have been tried and wait: then it is not one target that Integr8 fails on."""
    tried = (endpoint_name() == endpoint.name, *_waits(), Effect.attempts > 0, Effect.id.not_in(but))
    return session.scalar(select(Effect.id).where(*tried).limit(1)) is not None


def end(session: Session, name: str, now: datetime) -> int:
    """Close an outage: all effects that wait for the endpoint become due. Returns how many were brought forward."""
    slots.close_due(session, KIND, SlotState.DONE, "answered again", now, only=[f"{KIND}:{name}"])
    waiting = [endpoint_name() == name, *_waits(), Effect.due_at > now, Effect.due_at <= now + PULLED_IN]
    forward = update(Effect).where(*waiting).values(due_at=now).returning(Effect.id)
    return len(session.scalars(forward.execution_options(synchronize_session=False)).all())


def anybody_waits(session: Session, name: str) -> bool:
    """Return whether an effect still needs this endpoint."""
    return session.scalar(select(Effect.id).where(endpoint_name() == name, *_waits()).limit(1)) is not None


def _waits() -> tuple[ColumnElement[bool], ...]:
    return Effect.state.in_(OPEN_STATES), Effect.due_at.is_not(None)
