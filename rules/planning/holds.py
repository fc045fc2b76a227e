"""Holds: how long one lasts, when it ends by itself, and what a person's change does to it."""

from datetime import datetime, timedelta

from rules.model.local_time import next_midnight, say
from rules.model.plan import Ended, Hold
from rules.model.revision import HoldFor
from rules.model.state import TargetState

MEMORY = timedelta(days=14)  # an ended hold makes the next one longer for this long: two weeks of good behaviour
SETTLING = timedelta(minutes=1)  # a reading this close to the pause may have passed it on its way
#: The count of a hold that proves nothing: a day's cap, a pause because of `lose_at_most`. It keeps its length however
#: often it comes, and makes no later hold longer: an offer that was capped for three days has not failed three times.
UNPROVEN = 0
LAST_TIMED = 3  # 12 h, 24 h, 48 h; whatever falls a fourth time is a case for a person


def count_of_next(known: TargetState) -> int:
    """Return how many holds in a row there would be with the next one: the flap counter."""
    return known.holds_before + 1


def until(hold: HoldFor, count: int, start: datetime, tz: str) -> datetime | None:
    """Return when a hold that starts now ends, UTC; None: when a person says so.

    A duration doubles with each hold in a row and turns into `manual` after the third. It is real time: 12 h over a
    clock change are still 12 h. A hold until midnight never grows: a daily cap that is reached every day is no
    flapping.
    """
    if hold.kind == "midnight":
        return next_midnight(start, tz)
    if hold.kind == "manual" or hold.duration is None or count > LAST_TIMED:
        return None
    return start + hold.duration * (1 << (max(count, 1) - 1))


def is_over(hold: Hold, now: datetime) -> bool:
    """Return whether the hold's time is up. A hold without an end never is."""
    return hold.until is not None and hold.until <= now


def touched_by_person(known: TargetState, hold: Hold) -> datetime | None:
    """Return when a person changed the target after the hold began, else None."""
    changed = known.changed_by_person
    return changed if changed is not None and changed > hold.since else None


def found_active(known: TargetState, hold: Hold) -> datetime | None:
    """Return when Integr8 showed `active` although we hold the target and have nothing in progress.

    Somebody else activated it: a person, or another program, which we respect alike.
    """
    if known.active is not True or "active" in known.pending or known.seen_at is None:
        return None
    return known.seen_at if known.seen_at > hold.since + SETTLING else None


def override(hold: Hold, changed: datetime, respect: timedelta, tz: str = "UTC") -> Ended:
    """Return the result of a person's change: the hold ends, the target stays as they left it, the rule is muted."""
    mute = changed + respect
    return Ended(
        hold=hold,
        how="override",
        returns=False,
        message=f"{hold.target} was changed by hand; {hold.rule} leaves it alone until {say(mute, tz)}",
        mute_until=mute,
    )
