"""Send a message to a channel of bridge.yaml."""

from collections.abc import Sequence

from bridge.effects.handlers.job import Applied, CallLog, Failed, Job, Outcome, Tools


def handle(tools: Tools, _call_log: CallLog, jobs: Sequence[Job]) -> list[Outcome]:
    """Hand a message to a channel; the channel's own queue delivers and repeats it."""
    outcomes: list[Outcome] = []
    for job in jobs:
        channel = str(job.wanted.get("channel", job.target_id))  # the target names the subject as well
        taken = tools.tell is not None and tools.tell(channel, {**job.wanted, **job.context})
        outcomes.append(Applied(job) if taken else Failed(job, f"there is no channel {channel!r} in bridge.yaml"))
    return outcomes
