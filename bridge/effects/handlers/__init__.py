"""Execute effects. Each verb has one handler: it reads, skips what is already done, calls, and verifies.

Each verb of `rules.model.verbs.VERBS` has a module of its name here, with a function `handle`; `MERGED = True` says
that all its jobs that wait travel together. Nothing here touches the database. Handlers get jobs and a client, tell
a call log before each request leaves, and return one outcome for each job; `bridge.effects` writes them down.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import ModuleType

from bridge.effects.handlers.job import (
    Ambiguous,
    Applied,
    CallLog,
    Expired,
    Failed,
    Halted,
    Job,
    Outcome,
    RetryLater,
    Skipped,
    Tools,
    broken,
    held_back,
)
from rules.model.verbs import VERBS

Handler = Callable[[Tools, CallLog, Sequence[Job]], list[Outcome]]

_MODULES: Mapping[str, ModuleType] = {verb: import_module(f"{__name__}.{verb}") for verb in VERBS}
HANDLERS: Mapping[str, Handler] = {verb: module.handle for verb, module in _MODULES.items()}

#: Verbs whose jobs travel together; the others go one target at a time.
MERGED_VERBS = frozenset(verb for verb, module in _MODULES.items() if getattr(module, "MERGED", False))

__all__ = [
    "HANDLERS",
    "MERGED",
    "Ambiguous",
    "Applied",
    "CallLog",
    "Expired",
    "Failed",
    "Halted",
    "Handler",
    "Job",
    "Outcome",
    "RetryLater",
    "Skipped",
    "Tools",
    "broken",
    "held_back",
]
