"""Update fields of one target: read, send only what differs, read again."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from bridge.effects.handlers import passwords
from bridge.effects.handlers.entities import RESOURCES, above, resource
from bridge.effects.handlers.job import Applied, CallLog, Failed, Job, Outcome, RetryLater, Skipped, Tools, one_by_one
from bridge.integr8 import flows


def handle(tools: Tools, call_log: CallLog, jobs: Sequence[Job]) -> list[Outcome]:
    return one_by_one(call_log, jobs, partial(_update, tools, call_log))


def _update(tools: Tools, call_log: CallLog, job: Job) -> Outcome:
    """Read, send only the differences, read again. A password is never shown, so it is always sent."""
    source, name = resource(tools, job.kind), RESOURCES[job.kind]
    read = partial(source.get, *above(job), job.target_id)
    fields, secret = passwords.filled(job.wanted)
    present = call_log.read(f"{name}.get", [job], read)
    different = _differences(present, fields)
    hidden = {field: value for field, value in fields.items() if field in passwords.WRITE_ONLY}
    if not different and not hidden:
        return Applied(job, {"settled": "by reading"}) if job.ambiguous else Skipped(job)
    call_log.write(f"{name}.update", [job], partial(source.update, *above(job), job.target_id, **different, **hidden))
    wrong = sorted(_differences(call_log.read(f"{name}.get", [job], read), different)) if different else []
    if not wrong:
        return Applied(job, {"prior": {field: present.get(field) for field in different}, **secret})
    if job.attempts < 3:
        return RetryLater(job, 1.0, f"accepted, but {', '.join(wrong)} did not change")
    return Failed(job, f"Integr8 accepts the change of {', '.join(wrong)} and does not make it")


def _differences(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {
        field: value
        for field, value in wanted.items()
        if field not in passwords.WRITE_ONLY and not _same(present.get(field), value)
    }


def _same(present: Any, wanted: Any) -> bool:
    """Return whether two values are equal. Another letter case is a change; a number as text is not."""
    return bool(present == wanted) or (flows.same(present, wanted) and not isinstance(present, str))
