"""Break one event or one rule inside the real workers: what nobody can bring about from outside.

An event whose body says `"sabotage": STEP` makes that step raise, every time; a rule with the id of `RULE` makes its
evaluation raise. Loaded by `chaos.shifted` in workers, before they fork.
"""

from collections.abc import Callable, Iterable
from typing import Any

RULE = "sabotaged"
WORDS = "sabotage at step"


def mark(step: str) -> str:
    """What an event's body holds so that this step fails for it."""
    return f'"sabotage":"{step}"'


def install() -> None:
    from bridge.decisions import event_batches, schedule
    from bridge.store import journal

    def before(module: Any, name: str, step: str, events: Callable[[tuple[Any, ...]], Iterable[Any]]) -> None:
        real = getattr(module, name)

        def checked(*arguments: Any, **more: Any) -> Any:
            if any(mark(step).encode() in event.body for event in events(arguments)):
                raise RuntimeError(f"{WORDS} {step}")
            return real(*arguments, **more)

        setattr(module, name, checked)

    before(event_batches, "read_event", "read", lambda given: given[:1])
    before(event_batches, "observe_postbacks", "observe", lambda given: [one.event for one in given[2]])
    before(event_batches, "match_rules", "decide", lambda given: [one.event for one in given[3]])
    before(journal, "finish", "record", lambda given: given[1])  # the transaction that records a batch
    _rule(schedule)


def _rule(schedule: Any) -> None:
    real = schedule.evaluate_rule

    def checked(context: Any, *arguments: Any, **more: Any) -> Any:
        if context.revision.id == RULE:
            raise RuntimeError(f"{WORDS} decide")
        return real(context, *arguments, **more)

    schedule.evaluate_rule = checked
