"""Find names that bridge.yaml no longer has and the database still uses. `renames` moves or ends them.

Accounts, integrations, sources, channels and rules are renamed in files. What was recorded under the old name stays
under it: holds that keep offers paused, effects on their way, events and notices that wait.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bridge.config import settings as settings_module
from bridge.config.library import Library, Rulebook
from bridge.config.settings import Settings
from bridge.store import halts
from bridge.store.engine import Store, make_engine
from bridge.store.halts import HaltKind
from bridge.store.holds import Hold, HoldState
from bridge.store.journal import Event, EventState
from bridge.store.ledger import OPEN_STATES, Effect, PlanState, StoredPlan
from bridge.store.notifications import GONE, Notice, NoticeState
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


def stale_names(session: Session, names: Names) -> list[StaleName]:
    """Return the remaining uses of removed names."""
    return [*_accounts(session, names), *_sources(session, names), *_channels(session, names), *_rules(session, names)]


ACTIVE_HOLD = Hold.state == HoldState.ACTIVE
OPEN_EFFECT = Effect.state.in_(OPEN_STATES) & Effect.plan_id.in_(
    select(StoredPlan.id).where(StoredPlan.state.in_([PlanState.READY, PlanState.WAITING]))
)


def _accounts(session: Session, names: Names) -> Iterator[StaleName]:
    used: dict[tuple[str, str], list[str]] = {}
    for words, model, where in (("active hold", Hold, ACTIVE_HOLD), ("open effect", Effect, OPEN_EFFECT)):
        query = select(model.account, model.integration, func.count()).where(where)
        for account, integration, number in session.execute(query.group_by(model.account, model.integration)):
            known = names.accounts.get(account)
            if known is None:
                used.setdefault((account, ""), []).append(counted(number, words))
            elif integration not in known and integration != "default":
                used.setdefault((account, integration), []).append(counted(number, words))
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


def _channels(session: Session, names: Names) -> Iterator[StaleName]:
    query = select(Notice.channel, func.count()).where(undelivered()).group_by(Notice.channel)
    for channel, number in session.execute(query.order_by(Notice.channel)):
        if channel not in names.channels:
            remedy = f"`integr8-bridge channels rename {channel} NEW` delivers them there"
            yield StaleName(kind="channel", name=channel, uses=counted(number, "notice"), remedy=remedy)


def undelivered() -> ColumnElement[bool]:
    gone = and_(Notice.state == NoticeState.FAILED, Notice.error.contains(GONE, autoescape=True))
    return or_(Notice.state == NoticeState.WAITING, gone)


def _rules(session: Session, names: Names) -> Iterator[StaleName]:
    for rule, number in _halted(session, HaltKind.RULE, gone_from={*names.rules, *names.unusable}):
        remedy = f"`integr8-bridge rules rename {rule} NEW` halts NEW in its place, `resume --rule {rule}` ends it"
        yield StaleName(kind="rule", name=rule, uses=counted(number, "halt"), remedy=remedy)
    query = select(Hold.rule_id, func.count(), func.count(Hold.until)).where(ACTIVE_HOLD).group_by(Hold.rule_id)
    for rule, number, timed in session.execute(query.order_by(Hold.rule_id)):
        if rule not in names.rules and rule not in names.unusable:
            endless = f"{number - timed} of them have no end" if number > timed else "they end in time"
            remedy = f"{endless}; `integr8-bridge rules rename {rule} NEW` moves them, `holds release ID` ends one"
            yield StaleName(kind="rule", name=rule, uses=counted(number, "active hold"), remedy=remedy)


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
    found = settings_module.load(directory)
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
                    str(one) for one in stale_names(session, configured_names(found, Library(found).current(session)))
                ]
        finally:
            store.close()
    except SQLAlchemyError:
        return []
