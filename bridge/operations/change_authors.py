"""Find who caused a change: a rule, or a person by an undo, an approval or the release of a hold."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.store.ledger import Effect, StoredPlan
from bridge.store.runs import Cause, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """The author of a change. `person` is one of our users, if one decided; `rule` is the rule behind it."""

    person: str | None
    rule: str | None
    how: str  # "", "undo of run 8", "pause ended by hand", "approved"
    run_id: int | None = None

    @property
    def text(self) -> str:
        """`Anna (undo of run 8)`, `rule low-cr`, `rule low-cr (approved by Anna)`."""
        if self.person is not None and self.how != "approved":
            return f"{self.person} ({self.how})" if self.how else self.person
        who = f"rule {self.rule}" if self.rule else "not known"
        return f"{who} (approved by {self.person})" if self.person else f"{who} ({self.how})" if self.how else who


def author_of(effect: Effect, plan: StoredPlan, run: Run) -> Author:
    """Return the author of one effect."""
    person = run.by if run.by not in {None, "bridge", "clock"} else None
    if plan.undoes is not None:
        return Author(person=person, rule=effect.rule_id, how=f"undo of run {plan.undoes}", run_id=run.id)
    if run.cause == Cause.HAND:
        return Author(person=person, rule=effect.rule_id, how="pause ended by hand", run_id=run.id)
    if plan.decision == "approved" and plan.decided_by:
        return Author(person=plan.decided_by, rule=effect.rule_id, how="approved", run_id=run.id)
    how = "the pause ended" if effect.releases is not None else ""
    return Author(person=None, rule=effect.rule_id, how=how, run_id=run.id)


def authors(session: Session, effect_ids: Collection[int]) -> dict[int, Author]:
    """Return effect → author."""
    if not effect_ids:
        return {}
    query = (
        select(Effect, StoredPlan, Run)
        .join(StoredPlan, StoredPlan.id == Effect.plan_id)
        .join(Run, Run.id == StoredPlan.run_id)
        .where(Effect.id.in_(effect_ids))
    )
    return {effect.id: author_of(effect, plan, run) for effect, plan, run in session.execute(query)}
