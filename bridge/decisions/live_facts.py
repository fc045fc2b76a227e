"""Provide facts for live runs: the window engine of the process, brought up to date, for the subjects of a run."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bridge.config.library import Library
from bridge.config.settings import Account
from bridge.decisions import subjects
from bridge.decisions.event_facts import EventFacts, ReceivedEvent
from bridge.reports import postbacks
from bridge.reports.chunk_cache import ChunkCache
from bridge.reports.current_facts import LiveFacts, facts_for
from bridge.reports.items import Items
from bridge.reports.live_observations import LiveData
from bridge.sources import PostbackFacts, Source, observation
from bridge.store import holds
from bridge.store.engine import Store
from bridge.store.feeds import FeedKey, Kind
from bridge.store.observations_away import WHERE_ROWS_ARE, ObservationsAway
from rules.model.facts import Facts, Subject
from rules.model.revision import Revision


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LiveInputs:
    """The inputs of a live decision besides the database: rules, look-up tables, accounts, observations."""

    library: Library
    accounts: Mapping[str, Account]
    data: Callable[[str, str], LiveData]
    seconds: dict[str, float] = field(default_factory=dict)  # how long each rule took when it was last evaluated
    round: object = None  # rules of one round look at the same observations: they are brought up to date once
    answers: dict[str, Any] = field(default_factory=dict)  # bridge.decisions.answer_history.Memory
    dimensions: tuple[str, ...] = ()  # kept of each row beside what always is
    inhibitors: dict[Any, Any] = field(default_factory=dict)  # of one round: the answers of rules that hold others back


@dataclass(frozen=True, slots=True, eq=False)
class EventInputs:
    """The inputs of decisions about events besides the database."""

    live: LiveInputs
    sources: Mapping[str, Source]
    chunks: ChunkCache  # where the conversions of postbacks are kept
    wake_effects: Callable[[], object] = lambda: None  # called as soon as decisions with due effects are committed


def scope_facts(inputs: LiveInputs, session: Session, revision: Revision, now: datetime) -> LiveFacts:
    """Return facts for a scheduled rule: everything in its scope, including new items.

    Targets that the rule itself keeps paused stay in scope, whatever `where` says, because the rule checks their early
    release there.
    """
    data = inputs.data(revision.account, revision.integration)
    found = facts_for(session, data, revision, now, inputs.library.tables, round_=inputs.round)
    held = {subjects.load(hold.subject) for hold in holds.of_rule(session, revision.id)}
    known = found.subjects.rows if held and isinstance(found.subjects, Items) else {}
    missing = tuple(sorted(one for one in held if one not in known))
    if not missing:
        return found
    made_from = (found.subjects, missing)
    more = data.items.get(
        ("held", revision.id), made_from, lambda: Items((*found.subjects, *missing), revision.scope.per)
    )
    return replace(found, subjects=more)


def facts_for_subjects(
    inputs: LiveInputs, session: Session, revision: Revision, named: Sequence[Subject], now: datetime
) -> LiveFacts:
    """Return facts for a rule whose event names its subjects."""
    data = inputs.data(revision.account, revision.integration)
    with suppress(ObservationsAway):  # its windows answer no question then, and there is no decision
        data.refresh(session, now)
    return LiveFacts(session, data, named, now, inputs.library.tables, revision.scope.join, revision.data.tz)


def facts_of_items(
    inputs: LiveInputs, session: Session, feed: tuple[str, str], named: Sequence[Subject], now: datetime
) -> LiveFacts:
    """Return measured facts of items of one account and integration, whether or not a rule evaluates them."""
    data = inputs.data(*feed)
    with suppress(ObservationsAway):
        data.refresh(session, now)
    return LiveFacts(session, data, named, now)


def read_from(session: Session, facts: Facts) -> None:
    """Let facts from an earlier transaction read in this one."""
    live = facts.live if isinstance(facts, EventFacts) else facts
    if isinstance(live, LiveFacts):
        live.session = session


def observe_postbacks(session: Session, inputs: EventInputs, events: Sequence[ReceivedEvent], now: datetime) -> None:
    """Record the conversions of Integr8's postbacks: they fill the time that reports have not reached."""
    key, facts = _told(inputs, events)
    if key is not None:
        postbacks.record(session, inputs.chunks, key, facts, now, dimensions=inputs.live.dimensions)


def look_ahead(store: Store, inputs: EventInputs, events: Sequence[ReceivedEvent], now: datetime) -> None:
    """Load what `observe_postbacks` needs in advance, so that no other unit of work waits for it.

    Raises ObservationsAway.
    """
    if WHERE_ROWS_ARE not in store.info:
        return
    key, facts = _told(inputs, events)
    if key is not None:
        postbacks.fetch_ahead(store, inputs.chunks, key, facts, now, dimensions=inputs.live.dimensions)


def _told(inputs: EventInputs, events: Sequence[ReceivedEvent]) -> tuple[FeedKey | None, list[PostbackFacts]]:
    """Return the rows and the feed of postbacks; None if there is nothing to record."""
    told = [one for one in events if inputs.sources[one.event.source].format == "integr8-postback"]
    facts = [found for one in told if (found := _facts(one)) is not None]
    account = _tracked(inputs.live.accounts)
    if not facts or account is None:
        return None, []
    return FeedKey(account=account[0], integration=account[1], kind=Kind.POSTBACKS), facts


def _facts(received: ReceivedEvent) -> PostbackFacts | None:
    """Return the row of a postback. If it names no time, the time of its arrival counts."""
    found = observation(received.parsed)
    if found is None or found.conversion_time is not None:
        return found
    return replace(found, conversion_time=received.event.received_at)


def _tracked(accounts: Mapping[str, Account]) -> tuple[str, str] | None:
    """Return the account whose postbacks arrive here.

    They do not say; with several accounts it is `main`, else the first.
    """
    name = "main" if "main" in accounts else next(iter(accounts), None)
    if name is None:
        return None
    integrations = accounts[name].integrations
    return name, "default" if "default" in integrations else next(iter(integrations))
