"""Exports as jobs: PENDING, IN_PROGRESS, then COMPLETED with a real file, or ERROR; ten a day."""

import csv
import io
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bridge.simulator.errors import Refusal, missing
from bridge.simulator.files import Files
from bridge.simulator.ids import Ids
from bridge.simulator.options import Options

PENDING: Final = "PENDING"
RUNNING: Final = "IN_PROGRESS"
DONE: Final = "COMPLETED"
FAILED: Final = "ERROR"
STATES: Final = ("UNKNOWN", PENDING, RUNNING, DONE, FAILED, "CANCELED")

Rows = Callable[[], Iterator[Sequence[Any]]]


@dataclass(slots=True)
class Job:
    id: str
    type: str
    integration: str
    organization: str
    requested_by: str
    created_at: datetime
    updated_at: datetime
    columns: tuple[str, ...]
    delimiter: str
    rows: Rows
    guest_token: str
    query: Mapping[str, Any]
    list_options: Mapping[str, Any]
    status: str = PENDING
    error: str = ""
    fail_with: str = ""  # set by the control plane
    held: bool = False  # the control plane keeps it where it is
    total: int = 0
    size: int = 0
    seconds: float = 0.0

    @property
    def artifact_name(self) -> str:
        return f"{self.type}-{self.id}.csv"

    def view(self) -> dict[str, Any]:
        done = self.status == DONE
        return {
            "id": self.id,
            "type": self.type,
            "status": self.status,
            "error": self.error,
            "platform": "24metrics",
            "organization": self.organization,
            "integration": self.integration,
            "requested_by": self.requested_by,
            "last_updated_by": self.requested_by,
            "created_at": self.created_at.isoformat(timespec="seconds"),
            "updated_at": self.updated_at.isoformat(timespec="seconds"),
            "notify_by_email": False,
            "email_config": {},
            "guest_token": self.guest_token,
            "format": {"type": "csv", "delimiter": self.delimiter},
            "reports_query_option": self.query,
            "export_list_options": self.list_options,
            "results_meta": {"total": self.total, "duration_seconds": round(self.seconds)} if done else {},
            "artifact": self._artifact() if done else {},
        }

    def _artifact(self) -> dict[str, Any]:
        meta = {"id": self.id, "organization": self.organization, "type": self.type}
        return {"name": self.artifact_name, "size": self.size, "download_link": "", "meta": meta}


class Jobs:
    def __init__(self, files: Files, ids: Ids) -> None:
        self.files = files
        self._ids = ids
        self._jobs: dict[str, Job] = {}
        self._started: list[datetime] = []  # also of deleted ones: deleting gives no new request

    def start(self, options: Options, now: datetime, **facts: Any) -> Job:
        today = sum(at.date() == now.date() for at in self._started)
        if options.exports_per_day and today >= options.exports_per_day:
            words = f"the limit of {options.exports_per_day} exports a day is reached"
            raise Refusal(options.exports_refused_status, words)
        job = Job(id=self._ids.key(), guest_token=self._ids.token(), created_at=now, updated_at=now, **facts)
        self._started.append(now)
        self._jobs[job.id] = job
        return job

    def find(self, wanted: str) -> Job:
        if wanted not in self._jobs:
            raise missing("export", wanted)
        return self._jobs[wanted]

    def named(self, artifact_name: str) -> Job:
        found = next((job for job in self.newest() if job.artifact_name == artifact_name), None)
        if found is None or found.status != DONE:
            raise missing("artifact", artifact_name)
        return found

    def newest(self) -> list[Job]:
        return list(reversed(self._jobs.values()))

    def keep(self, job: Job) -> None:
        """Restore a deleted job; its file stays deleted."""
        self._jobs[job.id] = job

    def remove(self, job: Job) -> None:
        self.files.remove(job.artifact_name)
        del self._jobs[job.id]

    def move_on(self, now: datetime, options: Options) -> None:
        """Advance every job to the present moment of the clock."""
        starts = timedelta(seconds=options.export_pending_seconds)
        ends = starts + timedelta(seconds=options.export_running_seconds)
        for job in self._jobs.values():
            if job.held or job.status not in {PENDING, RUNNING}:
                continue
            if now >= job.created_at + ends:
                self._finish(job, now, options)
            elif now >= job.created_at + starts and job.status == PENDING:
                job.status, job.updated_at = RUNNING, now

    def _finish(self, job: Job, now: datetime, options: Options) -> None:
        job.updated_at = now
        job.seconds = options.export_running_seconds
        if job.fail_with:
            job.status, job.error = FAILED, job.fail_with
            return
        counted = _Counted(job.rows())
        lines = _lines(job.columns, counted, job.delimiter)
        if options.inflate_exports:
            job.size, job.total = self._inflated(job, lines, options.inflate_exports)
        else:
            job.size = self.files.write(job.artifact_name, lines)
            job.total = counted.many
        job.status = DONE

    def _inflated(self, job: Job, lines: Iterator[str], many: int) -> tuple[int, int]:
        """Repeat the same lines as one block of text: five million rows in a second or two."""
        head, *rows = "".join(lines).splitlines(keepends=True)
        if not rows:
            return self.files.write(job.artifact_name, [head]), 0
        whole, rest = divmod(many, len(rows))
        blocks = itertools.repeat("".join(rows), whole)
        return self.files.write(job.artifact_name, itertools.chain([head], blocks, rows[:rest])), many


class _Counted:
    def __init__(self, rows: Iterator[Sequence[Any]]) -> None:
        self._rows = rows
        self.many = 0

    def __iter__(self) -> Iterator[Sequence[Any]]:
        for row in self._rows:
            self.many += 1
            yield row


def _lines(columns: Sequence[str], rows: _Counted, delimiter: str) -> Iterator[str]:
    """Yield CSV in pieces, so that a large file is never a large string."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(columns)
    for number, row in enumerate(rows, start=1):
        writer.writerow(row)
        if number % 1000 == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
