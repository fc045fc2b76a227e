"""Ask for confirmation before a large action: how many items, which ones, and how much money.

A person who asks for more than a little is answered with the question first, on the pages and at a terminal. The yes
carries the count that was shown; if that is another by then, it is asked again. A program cannot answer a question: it
is asked only where it says itself how many changes it means.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.decisions.amounts import Amounts
from bridge.decisions.live_facts import scope_facts
from bridge.operations.decide import live_inputs
from bridge.operations.errors import Unconfirmed
from bridge.operations.plan_values import every_id
from bridge.operations.selection import Choice, Everything, Named, Only, find
from bridge.operations.undo_status import ids_of, undoable_effects
from bridge.services.container import Services
from bridge.store import ledger
from bridge.store.entities import Entity
from bridge.store.holds import Hold
from bridge.store.ledger import Effect
from bridge.store.runs import Run
from rules.model.formatting import counted
from rules.model.plan import Target
from rules.model.state import target_of

CONFIRM_FROM = 10  # changes at once that nobody should make by one press
SHARE = Decimal("0.10")  # of the revenue of 24 hours of everything in the rule's scope
NAMED = 12
AT_ONCE = 500  # ids of one query
DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The description of an operation. The caller returns `sure` with the confirmation."""

    verb: str
    count: int
    names: Sequence[str]
    money: Decimal | None
    revenue: Decimal | None = None  # of everything in the rule's scope
    noun: str = "change"
    unit: str = ""  # the currency of the money

    @property
    def share(self) -> Decimal | None:
        """The share of the revenue that is affected."""
        return self.money / self.revenue if self.money is not None and self.revenue else None

    @property
    def sure(self) -> str:
        return str(self.count)

    @property
    def is_large(self) -> bool:
        return self.count > CONFIRM_FROM or (self.share is not None and self.share >= SHARE)

    def __str__(self) -> str:
        more = f" and {self.count - len(self.names)} more" if self.count > len(self.names) else ""
        them = "it" if self.count == 1 else "them"
        share = f", {self.share:.1%} of everything in the rule's scope" if self.share is not None else ""
        amount = "" if self.money is None else f"{self.money:,.2f} {self.unit}".rstrip()
        money = f"; {amount} of revenue in 24 hours hangs on {them}{share}" if amount else ""
        return f"{self.verb} {counted(self.count, self.noun)}: {', '.join(self.names)}{more}{money}"


def about_undo(services: Services, run_id: int, choice: Choice, now: datetime) -> Confirmation | None:
    """Return the confirmation for an undo; None if there is no such run. Raises NothingSelected."""
    with services.store.read() as session:
        run = session.get(Run, run_id)
        if run is None:
            return None
        everything = [row for plan in ledger.plans_of(session, run_id) for row in plan.effects]
        wanted = _selected(session, everything, choice, f"run {run_id}")
        undoable = {one.id for one in undoable_effects(session, run_id)}
        applied = [one for one in wanted if one.id in undoable]
        return question(services, session, "undo", applied, revenue_24h(services, session, run, now))


def about_undo_of_runs(services: Services, run_ids: Collection[int]) -> Confirmation:
    """Return the confirmation for an undo of several runs: all their changes that are not undone yet."""
    with services.store.read() as session:
        effects = [one for run in sorted(set(run_ids)) for one in undoable_effects(session, run)]
        return question(services, session, "undo", effects)


def about_release(services: Services, hold_ids: Collection[int]) -> Confirmation:
    """Return the confirmation for several releases, with the revenue of the day before each pause."""
    with services.store.read() as session:
        held = session.scalars(select(Hold).where(Hold.id.in_(set(hold_ids)))).all()
        effects = session.scalars(select(Effect).where(Effect.id.in_([one.effect_id for one in held]))).all()
        asked = question(services, session, "end", effects)
    return replace(asked, count=len(held), noun="pause")


def about_approval(services: Services, plan_id: int, choice: Choice, now: datetime) -> Confirmation | None:
    """Return the confirmation for an approval; None if there is no such plan. Raises NothingSelected."""
    with services.store.read() as session:
        plan = ledger.plan(session, plan_id)
        if plan is None:
            return None
        run = session.get_one(Run, plan.run_id)
        wanted = _selected(session, ledger.effects_of(session, plan_id), choice, f"plan {plan_id}")
        return question(services, session, "approve", wanted, revenue_24h(services, session, run, now))


def must_be_confirmed(asked: Confirmation | None, confirmed: int | None) -> None:
    """Raise Unconfirmed if a program names a number of changes, and the number is different now."""
    if asked is not None and confirmed is not None and confirmed != asked.count:
        raise Unconfirmed(str(asked), asked.count)


def _selected(session: Session, effects: Sequence[Effect], choice: Choice, what: str) -> list[Effect]:
    if isinstance(choice, Everything):
        return list(effects)
    targets = {one.id: _target(one) for one in effects}
    if isinstance(choice, Named):
        ids = {one: set(known) for one, known in every_id(session, set(targets.values())).items()}
        for one in effects:
            ids[targets[one.id]] |= set(ids_of(one))
        found = find(choice, ids, what)
        return [one for one in effects if targets[one.id] in found]
    assert isinstance(choice, Only)
    return [one for one in effects if target_of(one.kind, one.target_id) in choice]


def _target(one: Effect) -> Target:
    return target_of(one.kind, one.target_id, account=one.account, integration=one.integration)


def question(
    services: Services, session: Session, verb: str, chosen: Sequence[Effect], revenue: Decimal | None = None
) -> Confirmation:
    """Return the confirmation for these effects. Amounts in several currencies have no sum."""
    known = services.settings.accounts
    units = {known[one.account].currency for one in chosen if one.account in known}
    amounts = [one.money_24h for one in chosen if one.money_24h is not None and len(units) <= 1]
    targets = list(dict.fromkeys(_target(one) for one in chosen))
    several = len({one.account for one in targets}) > 1
    told = [_told(one, name, several=several) for one, name in _names(session, targets[:NAMED]).items()]
    money = sum(amounts, Decimal(0)) if amounts else None
    return Confirmation(verb, len(targets), told, money, revenue, unit=units.pop() if len(units) == 1 else "")


def _told(target: Target, name: str | None, *, several: bool) -> str:
    """Return the items as text: if the changes belong to several accounts, each names its account."""
    words = f"{target} of {target.account}" if several else str(target)
    return f"{name} ({words})" if name else words


def _names(session: Session, targets: Sequence[Target]) -> dict[Target, str | None]:
    """Return target → the name in its own account; None if there is none."""
    names = display_names(session, {(one.account, one.kind, one.id) for one in targets})
    return {one: names[one.account, one.kind, one.id] for one in targets}


Item = tuple[str, str, str]  # account, kind and id: accounts number their items alike


def display_names(session: Session, items: Collection[Item]) -> dict[Item, str | None]:
    """Return item → the name that Integr8 shows; None if there is none."""
    found: dict[Item, str | None] = {}
    ids = sorted({identity for _, _, identity in items})
    for begin in range(0, len(ids), AT_ONCE):
        some = ids[begin : begin + AT_ONCE]
        for column in (Entity.number, Entity.ref):
            named = select(Entity.account, Entity.kind, column, Entity.name).where(column.in_(some))
            for account, kind, identity, name in session.execute(named):
                found[account, kind, identity or ""] = name
    return {item: found.get(item) for item in items}


def revenue_24h(services: Services, session: Session, run: Run, now: datetime) -> Decimal | None:
    """Return the revenue of everything in the rule's scope; None for a rule about events, or if it is unknown."""
    revision = services.library.revision(session, run.revision)
    if revision is None or run.event_id is not None:
        return None
    facts = scope_facts(live_inputs(services), session, revision, now)
    return Amounts(facts, revision.scope.per).total("revenue", now - DAY, now)
