"""A plan with effects, written straight into the ledger, and workers that claim and conclude them by hand."""

from datetime import timedelta

from sqlalchemy import select

from bridge.effects.claims import StoredCallLog, claim_batch
from bridge.effects.outcomes import record_outcomes
from bridge.services.secrets import SecretsBox
from bridge.store.engine import Store
from bridge.store.ledger import Call, Effect, StoredPlan
from bridge.store.list_order import ListOrder
from bridge.store.runs import Run

BOX = SecretsBox("a long key for tests")


class Books:
    """A run with a plan, and effects put into it."""

    def __init__(self, store: Store, now):
        self.store, self.now = store, now
        self.plan_id = self.plan()

    def plan(self, **more):
        """A further plan that goes ahead, of a run of its own; the last one is the newest decision."""
        with self.store.write() as session:
            number = len(session.scalars(select(Run.id)).all()) + 1
            run = Run(
                rule_id="r", revision="h", mode="live", cause="slot", cause_key=f"slot:{number}", due_at=self.now,
                started_at=self.now, outcome="ready",
            )  # fmt: skip
            session.add(run)
            session.flush()
            plan = StoredPlan(**({"run_id": run.id, "rule_id": "r", "state": "ready", "created_at": self.now} | more))
            session.add(plan)
            session.flush()
            return plan.id

    def effect(self, verb="pause", target="42", **more):
        values = {
            "plan_id": self.plan_id, "rule_id": "r", "step": "1", "verb": verb, "kind": "offer", "target_id": target,
            "account": "main", "integration": "default", "subject": f"offer={target}", "wanted": {"active": False},
            "due_at": self.now,
        }  # fmt: skip
        with self.store.write() as session:
            session.add(Effect(**(values | more)))

    def states(self):
        with self.store.read() as session:
            return {one.target_id: str(one.state) for one in session.scalars(select(Effect))}

    def one(self, model):
        with self.store.read() as session:
            return session.scalars(select(model)).one()

    def outcomes(self):
        with self.store.read() as session:
            return list(session.scalars(select(Call.outcome).order_by(Call.id)))

    def claim(self, after=timedelta(0)):
        return claim_batch(self.store, self.now + after)

    def call_log(self, batch):
        return StoredCallLog(self.store, batch, clock=lambda: self.now, list_order=ListOrder())

    def conclude(self, batch, *outcomes, after=timedelta(0), call_log=None):
        call_log = call_log or self.call_log(batch)
        return record_outcomes(self.store, batch, outcomes, call_log=call_log, box=lambda: BOX, now=self.now + after)
