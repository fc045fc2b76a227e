"""Send a message to a channel of bridge.yaml."""

from collections.abc import Sequence
from functools import partial

from bridge.effects.handlers.job import Applied, CallLog, Failed, Job, Outcome, Tools, one_by_one


def handle(tools: Tools, call_log: CallLog, jobs: Sequence[Job]) -> list[Outcome]:
    """Pass a message to a channel; the channel's own queue delivers and repeats it."""
    return one_by_one(call_log, jobs, partial(_notify, tools))


def _notify(tools: Tools, job: Job) -> Outcome:
    channel = str(job.wanted.get("channel", job.target_id))  # the target names the subject as well
    taken = tools.tell is not None and tools.tell(channel, {**job.wanted, **job.context})
    return Applied(job) if taken else Failed(job, f"there is no channel {channel!r} in bridge.yaml")
