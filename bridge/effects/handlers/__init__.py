"""Carrying effects out: for each kind, how to read, skip what is already so, call, verify.

Nothing here touches the database. Handlers get jobs and a client, tell a desk before each request leaves, and
return one outcome for each job; `tasks.effects` writes them down.
"""

from collections.abc import Callable, Mapping, Sequence

from bridge.effects.handlers.ensure import ensure
from bridge.effects.handlers.fields import archive, call, update
from bridge.effects.handlers.job import Again, Applied, Desk, Failed, Job, Outcome, Skipped, Tools, Unknown
from bridge.effects.handlers.other import http, notify, reject
from bridge.effects.handlers.status import activate, pause

Handler = Callable[[Tools, Desk, Sequence[Job]], list[Outcome]]

HANDLERS: Mapping[str, Handler] = {
    "pause": pause,
    "activate": activate,
    "ensure": ensure,
    "update": update,
    "archive": archive,
    "call": call,
    "reject": reject,
    "http": http,
    "notify": notify,
}

#: Verbs whose jobs travel together; the others go one target at a time.
MERGED = frozenset({"pause", "activate"})

__all__ = [
    "HANDLERS",
    "MERGED",
    "Again",
    "Applied",
    "Desk",
    "Failed",
    "Handler",
    "Job",
    "Outcome",
    "Skipped",
    "Tools",
    "Unknown",
]
