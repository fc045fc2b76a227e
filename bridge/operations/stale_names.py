"""Find names that bridge.yaml no longer has and the database still uses. `renames` moves or ends them.

Accounts, integrations, sources, channels and rules are renamed in files. What was recorded under the old name stays
under it: holds that keep offers paused, effects on their way, events and notices that wait.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstrumentedAttribute, Session

from bridge.config import settings as settings_module
from bridge.config.library import Library, Rulebook
from bridge.config.settings import Settings
from bridge.operations.item_mutes import EVERY_RULE
from bridge.store import halts
from bridge.store.deferred_events import DeferredEvent
from bridge.store.engine import Store, make_engine
from bridge.store.halts import HaltKind
from bridge.store.holds import Hold, HoldState, Mute
from bridge.store.journal import Event, EventState
from bridge.store.ledger import OPEN_STATES, Effect, PlanState, StoredPlan
from bridge.store.notifications import GONE, ChannelMute, Notice, NoticeState
from bridge.store.schema_version import pending
from rules.model.formatting import counted

Kind = Literal["account", "integration", "source", "channel", "rule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names that the configuration has now."""

    accounts: Mapping[str, Collection[str]]  # account → its integrations
    sources: Collection[str]
    channels: Collection[str]
    rules: Collection[str]
    unusable: Collection[str] = ()  # rules that are there and do not load, because they name something that is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleName:
    """A removed name, its remaining uses, and the command that moves or ends them."""

    kind: Kind
    name: str
    uses: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r} is gone, and still used by {self.uses}: {self.remedy}"


def configured_names(settings: Settings, book: Rulebook) -> Names:
    """Return the names in bridge.yaml and the loaded rules."""
    return Names(
        accounts={name: frozenset(account.integrations) for name, account in settings.accounts.items()},
        sources=frozenset(settings.sources),
        channels=frozenset(settings.channels),
        rules=frozenset(book.revisions),
        unusable=frozenset(book.unusable),
    )


def stale_names(session: Session, names: Names, now: datetime) -> list[StaleName]:
    """Return the remaining uses of removed names. Mutes that have ended are none."""
    return [
        *_accounts(session, names, now), *_sources(session, names), *_channels(session, names, now),
        *_rules(session, names, now),
    ]  # fmt: skip


ACTIVE_HOLD = Hold.state == HoldState.ACTIVE
OPEN_EFFECT = Effect.state.in_(OPEN_STATES) & Effect.plan_id.in_(
    select(StoredPlan.id).where(StoredPlan.state.in_([PlanState.READY, PlanState.WAITING]))
)


def _accounts(session: Session, names: Names, now: datetime) -> Iterator[StaleName]:
    used: dict[tuple[str, str], list[str]] = {}
    for words, model, where in (("active hold", Hold, ACTIVE_HOLD), ("open effect", Effect, OPEN_EFFECT)):
        query = select(model.account, model.integration, func.count()).where(where)
        for account, integration, number in session.execute(query.group_by(model.account, model.integration)):
            known = names.accounts.get(account)
            if known is None:
                used.setdefault((account, ""), []).append(counted(number, words))
            elif integration not in known and integration != "default":
                used.setdefault((account, integration), []).append(counted(number, words))
    for account, number in _muted(session, Mute.account, now).items():
        if account not in names.accounts:
            used.setdefault((account, ""), []).append(counted(number, "mute"))
    for account, number in _halted(session, HaltKind.ACCOUNT, HaltKind.ADVERTISER, gone_from=names.accounts):
        used.setdefault((account, ""), []).append(counted(number, "halt"))
    for (account, integration), uses in sorted(used.items()):
        name = f"{account}/{integration}" if integration else account
        yield StaleName(
            kind="integration" if integration else "account",
            name=name,
            uses=", ".join(uses),
            remedy=f"`integr8-bridge accounts rename {name} NEW` moves them, `accounts forget {name}` ends them",
        )


def _sources(session: Session, names: Names) -> Iterator[StaleName]:
    states = [EventState.RECEIVED, EventState.DEAD, EventState.QUARANTINED]
    query = select(Event.source, func.count()).where(Event.state.in_(states)).group_by(Event.source)
    for source, number in session.execute(query.order_by(Event.source)):
        if source not in names.sources:
            remedy = f"`integr8-bridge sources rename {source} NEW` moves them, `events discard` ends them"
            yield StaleName(kind="source", name=source, uses=counted(number, "event"), remedy=remedy)


def _channels(session: Session, names: Names, now: datetime) -> Iterator[StaleName]:
    used: dict[str, list[str]] = {}
    query = select(Notice.channel, func.count()).where(undelivered()).group_by(Notice.channel)
    for channel, number in session.execute(query):
        used.setdefault(channel, []).append(counted(number, "notice"))
    for channel, number in _muted(session, ChannelMute.channel, now).items():
        used.setdefault(channel, []).append(counted(number, "channel mute"))
    for channel in sorted(used.keys() - set(names.channels)):
        remedy = f"`integr8-bridge channels rename {channel} NEW` moves them there"
        yield StaleName(kind="channel", name=channel, uses=", ".join(used[channel]), remedy=remedy)


def undelivered() -> ColumnElement[bool]:
    gone = and_(Notice.state == NoticeState.FAILED, Notice.error.contains(GONE, autoescape=True))
    return or_(Notice.state == NoticeState.WAITING, gone)


def _rules(session: Session, names: Names, now: datetime) -> Iterator[StaleName]:
    known = {EVERY_RULE, *names.rules, *names.unusable}
    for rule, number in _halted(session, HaltKind.RULE, gone_from=known):
        remedy = f"`integr8-bridge rules rename {rule} NEW` halts NEW in its place, `resume --rule {rule}` ends it"
        yield StaleName(kind="rule", name=rule, uses=counted(number, "halt"), remedy=remedy)
    query = select(Hold.rule_id, func.count(), func.count(Hold.until)).where(ACTIVE_HOLD).group_by(Hold.rule_id)
    for rule, number, timed in session.execute(query.order_by(Hold.rule_id)):
        if rule not in known:
            endless = f"{number - timed} of them have no end" if number > timed else "they end in time"
            remedy = f"{endless}; `integr8-bridge rules rename {rule} NEW` moves them, `holds release ID` ends one"
            yield StaleName(kind="rule", name=rule, uses=counted(number, "active hold"), remedy=remedy)
    for rule, uses in sorted(_kept_for_rules(session, now).items()):
        if rule not in known:
            remedy = f"`integr8-bridge rules rename {rule} NEW` moves them, `mutes end` ends a mute"
            yield StaleName(kind="rule", name=rule, uses=", ".join(uses), remedy=remedy)


def _kept_for_rules(session: Session, now: datetime) -> dict[str, list[str]]:
    """Return what people decided about rules, and the events that wait for one during a halt: rule → words."""
    deferred = select(DeferredEvent.rule_id, func.count()).group_by(DeferredEvent.rule_id)
    used: dict[str, list[str]] = {}
    for words, found in (
        ("mute", _muted(session, Mute.rule_id, now)),
        ("channel mute", _muted(session, ChannelMute.rule_id, now)),
        ("waiting event", {row[0]: row[1] for row in session.execute(deferred)}),
    ):
        for rule, number in found.items():
            used.setdefault(rule, []).append(counted(number, words))
    return used


def _muted(session: Session, column: InstrumentedAttribute[Any], now: datetime) -> dict[str, int]:
    """Return how many mutes of items or channels have each name in this column, and have not ended."""
    model = column.class_
    query = select(column, func.count()).where(column.is_not(None), model.until > now).group_by(column)
    return {row[0]: row[1] for row in session.execute(query)}


def _halted(session: Session, *kinds: HaltKind, gone_from: Collection[str]) -> list[tuple[str, int]]:
    """Return the names in open halts of these kinds that no longer exist, with the number of halts."""
    about = Counter(
        name
        for one in halts.open_halts(session).listed
        if one.of.kind in kinds and (name := one.of.account or one.of.name) is not None and name not in gone_from
    )
    return sorted(about.items())


def stale_in_home(directory: Path | None) -> list[str]:
    """Return the same for a directory, one line each; nothing if no database can be read from here."""
    found, now = settings_module.load(directory), datetime.now(UTC)
    file = found.database_url.removeprefix("sqlite:///").partition("?")[0]
    if found.database_url.startswith("sqlite") and not Path(file).is_file():
        return []
    try:
        store = Store(make_engine(found.database_url))
        try:
            if pending(store.engine):
                return []
            with store.read() as session:
                return [
                    str(one)
                    for one in stale_names(session, configured_names(found, Library(found).current(session)), now)
                ]
        finally:
            store.close()
    except SQLAlchemyError:
        return []
