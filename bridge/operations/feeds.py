"""The poll schedule: which feeds an account has, and one round over those that are due."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from bridge.config.settings import Account
from bridge.decisions.tracking_incidents import raise_incidents
from bridge.integr8.errors import ApiError, BudgetError
from bridge.observability.bulkhead import NOT_ITS_FAULT, Bulkhead, sentence
from bridge.reports import conversion_lag, entity_sync, polling, postbacks
from bridge.reports.current_facts import LiveFacts
from bridge.reports.polling import FeedPlan
from bridge.services.container import Services
from bridge.store import decision_lock, feeds, free_space, slots
from bridge.store.account_scope import EVERYONE, AccountScope
from bridge.store.feeds import FeedKey, Kind
from bridge.store.lease import LeaseLost, settle
from bridge.store.slots import Slot, SlotState

log = structlog.get_logger()

#: Seconds between two readings, unless `accounts.<name>.poll` says otherwise. Zero switches a feed off.
POLL_SECONDS: Mapping[str, float] = {"clicks": 300, "conversions": 120, "impressions": 0}


#: The same for what is synchronised, and for what is computed from what was read. Details are two calls for each
#: offer, so they come seldom.
MIRRORS: Mapping[str, float] = {
    "entities": 300,
    "details": 6 * 3600,
    "settling": 24 * 3600,
    "agreement": 3600,
    "tracking": 300,
}
MIRROR = "mirror"  # of the due slots
COMPARED = timedelta(hours=24)
ROOM_AGAIN = timedelta(minutes=1)  # between two checks of a disk that is almost full
FAILING_FEED_SLOT = "reports while they are not well"
MAX_POLL_TIME = timedelta(minutes=5)  # of one look at a feed that fails; a worker that is killed holds it for so long


class LittleRoom(RuntimeError):
    """The disk is almost full, so only urgent data is written."""


def plans(account: Account, dimensions: tuple[str, ...] = ()) -> list[FeedPlan]:
    """Return the feeds of one account, for each of its integrations."""
    found = []
    for integration in account.integrations:
        for kind in (Kind.CLICKS, Kind.CONVERSIONS, Kind.IMPRESSIONS):
            seconds = float(account.poll.get(kind, POLL_SECONDS[kind]))
            if seconds > 0:
                key = FeedKey(account=account.name, integration=integration, kind=kind)
                found.append(
                    FeedPlan(
                        key=key,
                        every=timedelta(seconds=seconds),
                        dimensions=dimensions,
                        per_second=account.rate.per_second,
                    )
                )
    return found


def open_due(services: Services, now: datetime, bulkhead: Bulkhead) -> int:
    """Write the slots of all feeds and mirrors that have become due, each account separately.

    Returns how many wait to be read.
    """
    found = 0
    for account in services.settings.accounts.values():
        with bulkhead.item("account", account.name, "open slots"), services.store.write() as session:
            found += open_account(session, account, now)
    return found


def open_account(session: Session, account: Account, now: datetime) -> int:
    """Do the same for one account."""
    found = polling.due_slots(session, now, plans(account))
    for key, as_of in polling.stalled(session, now, plans(account)):
        log.warning("feed stalled", feed=f"{key.account}/{key.integration}/{key.kind}", as_of=as_of)
    for integration in account.integrations:
        for part in MIRRORS:
            found += _open_mirror(session, account, integration, part, now)
    return found


def ask_all(session: Session, services: Services, now: datetime) -> list[str]:
    """Request a poll of every feed now, whatever its interval, unless it waits already.

    Returns the names of all feeds.
    """
    keys = [plan.key for account in services.settings.accounts.values() for plan in plans(account)]
    for key in keys:
        feeds.ensure(session, key)
        slot = polling.slot_key(key, polling.Purpose.HEAD)
        if not slots.is_waiting(session, slot):
            slots.open_slots(session, [(polling.KIND, slot, now)])
    for account in services.settings.accounts.values():
        open_account(session, account, now)
    return [f"{key.account}/{key.integration}/{key.kind}" for key in keys]


def _open_mirror(session: Session, account: Account, integration: str, part: str, now: datetime) -> bool:
    """Open one slot of the mirror at a time: if a sync takes longer than its interval, no second one is opened."""
    seconds = float(account.poll.get(part, MIRRORS[part]))
    key = f"{MIRROR}:{account.name}:{integration}:{part}"
    if seconds <= 0 or slots.is_waiting(session, key):
        return False
    at = datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)
    last = slots.last(session, key, now)
    if last is not None and at <= last:
        return False
    slots.open_slots(session, [(MIRROR, key, at)])
    return True


@contextmanager
def in_turn(services: Services, now: datetime, scope: AccountScope = EVERYONE) -> Iterator[bool]:
    """Return whether this worker may read now. Until all feeds of a scope are well, only one worker reads at a time.

    A call without an answer takes minutes; if every worker waited for one, webhooks would wait behind reports.
    """
    with services.store.read() as session:
        well = feeds.well(session, scope)
    if well:
        yield True
        return
    name = _turn(scope)
    with services.store.write() as session:
        turn = decision_lock.acquire(session, now, name, MAX_POLL_TIME)
    try:
        yield turn is not None
    finally:
        if turn is not None:
            with services.store.write() as session:
                decision_lock.abandon(session, name)


def is_turn_taken(session: Session, now: datetime, scope: AccountScope = EVERYONE) -> bool:
    """Return whether a worker reads these feeds and no other may: another message would only need a process."""
    return not feeds.well(session, scope) and decision_lock.is_held(session, _turn(scope), now)


def _turn(scope: AccountScope) -> str:
    return FAILING_FEED_SLOT + ("" if scope.only is None else f": {scope.only}")


def answered(services: Services, scope: AccountScope = EVERYONE) -> bool:
    """Return whether Integr8 answers, according to the feeds. If not, other work goes before the next feed."""
    with services.store.read() as session:
        return not feeds.failing(session, scope)


def read_due(services: Services, now: datetime, scope: AccountScope = EVERYONE) -> bool:
    """Claim one due mirror or feed of a scope and continue it. Returns False when nothing was due.

    Mirrors go first: a report is of little use before the offers are known.
    """
    for kind, read in ((MIRROR, _mirror), (polling.KIND, _feed)):
        with services.store.write() as session:
            taken = slots.take(session, kind, limit=1, now=now, length=polling.LEASE, scope=scope)
        for slot in taken:
            seconds = services.seconds_away(_account_of(slot)) if _needs_integr8(slot) else 0.0
            if seconds > 0:
                with services.store.write() as session:
                    slots.put_off(session, slot, now + timedelta(seconds=max(seconds, 2.0)))
            else:
                with Bulkhead(services.store, now).item(kind, slot.key, "read"):
                    if kind == polling.KIND:
                        _wait_for_room(services, slot, now)
                    _read(services, slot, now, read)
        if taken:
            return True
    return False


def _wait_for_room(services: Services, slot: Slot, now: datetime) -> None:
    """Wait while the disk is almost full: reports can wait, and the journal needs the space. Raises LittleRoom."""
    left = free_space.room(services.store)
    if left is not None and left < free_space.LITTLE:
        with services.store.write() as session:
            slots.put_off(session, slot, now + ROOM_AGAIN)
        raise LittleRoom(
            f"{left // 1_000_000} MB are left on the disk: reading of reports continues when there is room"
        )


def _account_of(slot: Slot) -> str:
    """Return the account of a key: feed:ACCOUNT:... or mirror:ACCOUNT:..."""
    return slot.key.split(":")[1]


def _needs_integr8(slot: Slot) -> bool:
    return slot.kind == polling.KIND or slot.key.endswith((":entities", ":details"))


def _read(services: Services, slot: Slot, now: datetime, read: Callable[[Services, Slot, datetime], None]) -> None:
    """Read one slot; an exception ends the slot, or it would return with its lease for ever."""
    try:
        read(services, slot, now)
    except NOT_ITS_FAULT:
        raise
    except Exception as error:
        with services.store.write() as session:
            slots.give_up(session, slot, sentence(error), now)
        raise


def _feed(services: Services, slot: Slot, now: datetime) -> None:
    key, _purpose = polling.parse_key(slot.key)
    account = services.settings.accounts.get(key.account)
    plan = (
        next((one for one in plans(account, services.settings.dimensions) if one.key == key), None) if account else None
    )
    if plan is None:
        with services.store.write() as session:
            slots.give_up(session, slot, "no longer in bridge.yaml", now)
        return
    try:
        result = polling.poll_once(services.store, services.pages, plan, slot, now, cache=services.chunk_cache)
    except LeaseLost:
        return
    progress = result.progress
    tell = log.info if progress.new or progress.changed or result.problem else log.debug
    tell("feed read", feed=slot.key, done=result.done, rows=progress.rows, new=progress.new, problem=result.problem)


def _entities(services: Services, account: str, integration: str, now: datetime) -> None:
    seen = entity_sync.entities_of(services.store, services.listings, account, integration, now)
    changed = sum(one.new + one.changed + one.gone for one in seen.values())
    tell = log.info if changed else log.debug
    tell("entities synchronised", account=account, **{kind: one.listed for kind, one in seen.items()}, changed=changed)


def _details(services: Services, account: str, integration: str, now: datetime) -> None:
    entity_sync.details_of(services.store, services.listings, account, integration, now)


def _settling(services: Services, account: str, integration: str, now: datetime) -> None:
    with services.store.write() as session:
        conversion_lag.measure(session, account, integration, now)


def _agreement(services: Services, account: str, integration: str, now: datetime) -> None:
    """Compare postbacks with the report; request the report again if it lacks something."""
    with services.store.write() as session:
        found = postbacks.compare(session, account, integration, now - COMPARED, now)
        if found is not None:
            again = postbacks.backfill(session, account, integration, found, now)
            log.info("postbacks compared", reports=found.reports, postbacks=found.postbacks, hours_read_again=again)


def _tracking(services: Services, account: str, integration: str, now: datetime) -> None:
    """Raise one incident for each advertiser whose conversions are missing, and end it when they arrive."""
    data = services.data(account, integration)
    with services.store.read() as session:
        data.refresh(session, now)
        cohorts = LiveFacts(session, data, [], now).cohorts
        found = cohorts.breaks() if cohorts is not None else {}
    with services.store.write() as session:
        begun = raise_incidents(session, f"{account}/{integration}", found, now)
    for one in begun:
        log.warning("conversions are missing", account=account, integration=integration, why=str(one))


PARTS: Mapping[str, Callable[[Services, str, str, datetime], None]] = {
    "entities": _entities,
    "details": _details,
    "settling": _settling,
    "agreement": _agreement,
    "tracking": _tracking,
}


def _mirror(services: Services, slot: Slot, now: datetime) -> None:
    _, name, integration, part = slot.key.split(":")
    account = services.settings.accounts.get(name)
    if account is None or integration not in account.integrations:
        with services.store.write() as session:
            slots.give_up(session, slot, "no longer in bridge.yaml", now)
        return
    problem = None
    try:
        PARTS[part](services, name, integration, now)
    except (ApiError, BudgetError) as error:
        problem = str(error)
        log.warning("synchronisation failed", mirror=slot.key, problem=problem)
    with services.store.write() as session:
        if problem is None:
            settle(session, slot, state=SlotState.DONE, ended_at=now)
        else:
            settle(session, slot, state=SlotState.FAILED, ended_at=now, problem=problem)
