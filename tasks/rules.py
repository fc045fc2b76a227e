"""Evaluate rules whose slot is due, and run backtest jobs."""

from bridge.operations import backtest_jobs, decide, questions
from bridge.services import container
from bridge.services.account_scopes import scope_of
from bridge.store import ledger
from tasks.app import celery


@celery.task(name="rules.run_due")
def run_due(account: str | None = None) -> None:
    """Run one tick: all due rules are decided together, so that contradictions are settled."""
    services = container.services()
    scope = scope_of(services.settings, account)
    while decide.run_due_rules(services, services.clock(), scope):
        with services.store.read() as session:
            effects_due = ledger.some_due(session, services.clock(), scope)
        if effects_due:  # mostly nothing has come of it, and a process that reads reports may be in the way
            services.queue.wake("effects.perform")
    services.queue.wake("journal.process")  # events that came while it was our turn to decide


@celery.task(name="rules.backtest")
def try_on_the_past() -> None:
    """Run a requested backtest; one at a time, over all workers."""
    services = container.services()
    if backtest_jobs.run_next(services, services.clock()):
        services.queue.wake("rules.backtest")  # others may wait behind it


@celery.task(name="rules.answer")
def answer() -> None:
    """Answer a question that somebody waits for; one at a time, over all workers. A lost one is not repeated."""
    services = container.services()
    if questions.answer_next(services, services.clock()):
        services.queue.wake("rules.answer")  # others may wait behind it
