"""Facts for live runs: the process's window engine, brought up to date, over the subjects that a run asks about."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from bridge.decisions import subjects
from bridge.decisions.event_facts import Happening
from bridge.reports import postbacks
from bridge.reports.facts import LiveFacts, facts_for
from bridge.services.container import Services
from bridge.sources import PostbackFacts, observation
from bridge.store import holds
from bridge.store.feeds import FeedKey, Kind
from rules.model.facts import Subject
from rules.model.revision import Revision


def scope_facts(services: Services, session: Session, revision: Revision, now: datetime) -> LiveFacts:
    """For a rule that looks by the clock: everything in its scope, new items included.

    What the rule itself keeps paused stays in, whatever `where` says: its early release is asked there.
    """
    data = services.data(revision.account, revision.integration)
    found = facts_for(session, data, revision, now, services.library.tables)
    held = {subjects.load(hold.subject) for hold in holds.of_rule(session, revision.id)}
    missing = sorted(held - set(found.subjects))
    return replace(found, subjects=[*found.subjects, *missing]) if missing else found


def about(
    services: Services, session: Session, revision: Revision, whom: Sequence[Subject], now: datetime
) -> LiveFacts:
    """For a rule that an event has pointed at its subjects."""
    data = services.data(revision.account, revision.integration)
    data.refresh(session, now)
    return LiveFacts(session, data, whom, now, services.library.tables, dict(revision.scope.join))


def observe_postbacks(services: Services, session: Session, happenings: Sequence[Happening], now: datetime) -> None:
    """Conversions that Integr8's postbacks tell of are observations too: they fill what reports have not reached."""
    told = [one for one in happenings if services.sources[one.event.source].format == "integr8-postback"]
    facts = [found for one in told if (found := _facts(one)) is not None]
    account = _tracked(services)
    if facts and account is not None:
        postbacks.record(
            session,
            services.shelf,
            FeedKey(account=account[0], integration=account[1], kind=Kind.POSTBACKS),
            facts,
            now,
        )


def _facts(happening: Happening) -> PostbackFacts | None:
    """What a postback says. One that names no time happened, as far as we know, when it reached us."""
    found = observation(happening.reading)
    if found is None or found.conversion_time is not None:
        return found
    return replace(found, conversion_time=happening.event.received_at)


def _tracked(services: Services) -> tuple[str, str] | None:
    """The account whose postbacks arrive here. They do not say; with several accounts it is `main`, else the first."""
    accounts = services.settings.accounts
    name = "main" if "main" in accounts else next(iter(accounts), None)
    if name is None:
        return None
    integrations = accounts[name].integrations
    return name, "default" if "default" in integrations else next(iter(integrations))
