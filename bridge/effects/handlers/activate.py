"""Activate targets: one bulk call for all, then a read that shows which of them changed."""

from collections.abc import Sequence

from bridge.effects.handlers.job import CallLog, Job, Outcome, Tools
from bridge.effects.handlers.status import set_active

MERGED = True


def handle(tools: Tools, call_log: CallLog, jobs: Sequence[Job]) -> list[Outcome]:
    return set_active(tools, call_log, jobs, active=True)
