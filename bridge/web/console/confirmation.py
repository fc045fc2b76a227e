"""One more question before something large: how many, which ones, how much money hangs on it.

A form that asks for more than a little is answered with the question, and nothing is done. The question's own form
carries the same selection and the count that was shown; if that is another by the time of yes, it is asked again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from flask import request
from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.decisions.amounts import Amounts
from bridge.decisions.live_facts import scope_facts
from bridge.operations.decide import live_inputs
from bridge.operations.selection import Selection
from bridge.services.container import Services
from bridge.store.entities import Entity
from bridge.store.ledger import Effect
from bridge.store.runs import Run
from rules.model.state import target_of

MANY = 10  # changes at once that nobody should make by one press
SHARE = Decimal("0.10")  # of the revenue of 24 hours of everything that the rule looks at
NAMED = 12
DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Question:
    """What would be done. `sure` has to come back with the yes."""

    verb: str
    count: int
    names: Sequence[str]
    money: Decimal | None
    revenue: Decimal | None = None  # of everything that the rule looks at

    @property
    def share(self) -> Decimal | None:
        """The part of the revenue that hangs on it."""
        return self.money / self.revenue if self.money is not None and self.revenue else None

    @property
    def sure(self) -> str:
        return str(self.count)

    @property
    def is_large(self) -> bool:
        return self.count > MANY or (self.share is not None and self.share >= SHARE)

    @property
    def is_answered(self) -> bool:
        return request.form.get("sure") == self.sure


def question(
    session: Session, verb: str, effects: Sequence[Effect], selection: Selection, revenue: Decimal | None = None
) -> Question:
    """About those of the effects that are selected."""
    chosen = [one for one in effects if target_of(one.kind, one.target_id) in selection]
    amounts = [one.money_24h for one in chosen if one.money_24h is not None]
    targets = list(dict.fromkeys((one.kind, one.target_id) for one in chosen))
    names = names_of(session, targets[:NAMED])
    told = [f"{name} ({kind} {target})" if name else f"{kind} {target}" for (kind, target), name in names.items()]
    return Question(verb, len(targets), told, sum(amounts, Decimal(0)) if amounts else None, revenue)


def names_of(session: Session, targets: Collection[tuple[str, str]]) -> dict[tuple[str, str], str | None]:
    """(kind, id) → the name that Integr8 shows; None where there is none."""
    ids = {identity for _, identity in targets}
    known = (Entity.number.in_(ids), Entity.ref.in_(ids))
    found: dict[tuple[str, str], str | None] = {}
    for column in known:
        for one in session.scalars(select(Entity).where(column)):
            found |= {(one.kind, name): one.name for name in (one.ref, one.number) if name}
    return {target: found.get(target) for target in targets}


def revenue_24h(services: Services, session: Session, run: Run, now: datetime) -> Decimal | None:
    """Of everything that the run's rule looks at; None where the rule looks at events, or nothing is known."""
    revision = services.library.revision(session, run.revision)
    if revision is None or run.event_id is not None:
        return None
    facts = scope_facts(live_inputs(services), session, revision, now)
    return Amounts(facts, revision.scope.per).total("revenue", now - DAY, now)
