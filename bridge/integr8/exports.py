"""Exports of the Download Center from start to rows: start, wait, fetch, delete. Ten a day are allowed.

The count is kept in a small store that is given in, so that all processes share it; ten in any 24 hours is
right whether Integr8 counts by the calendar or by the clock. Files of five million rows, the documented
maximum, pass through in constant memory.
"""

import csv
import io
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from bridge.integr8.body_types import ReportFilter
from bridge.integr8.client import Client
from bridge.integr8.core import Row
from bridge.integr8.errors import (
    ApiError,
    DailyBudgetExhausted,
    InvalidCall,
    Malformed,
    NoAnswer,
    RequestFailed,
    Unreachable,
)
from bridge.integr8.rate_limiter import Priority
from bridge.integr8.retry_policy import wait_before_retry

PER_DAY = 10
DAY = timedelta(hours=24)
FIRST_POLL, SLOWEST_POLL = 2.0, 30.0  # seconds between polls of a running export
RUNNING = frozenset({"PENDING", "IN_PROGRESS"})
BROKEN = frozenset({"ERROR", "CANCELED"})
Table: TypeAlias = Literal["clicks", "conversions", "impressions", "postback_logs"]


class StartLog(Protocol):
    """Remembers when exports were started. `reserve` must be atomic over all processes."""

    def reserve(self, now: datetime, *, limit: int, span: timedelta) -> bool:
        """Note a start at `now` unless `limit` starts are within the last `span`. Returns whether it was noted."""

    def release(self, at: datetime) -> None:
        """Forget a start that failed."""

    def since(self, moment: datetime) -> Sequence[datetime]:
        """Return the starts later than `moment`, oldest first."""


@dataclass(frozen=True, slots=True)
class DailyBudget:
    """The number of exports left, and the time of the next free one (None: now)."""

    limit: int
    used: int
    next_free: datetime | None

    @property
    def left(self) -> int:
        """The number of exports that may still be started."""
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of an export. `rows`: its total, once Integr8 reports it; `waited`: seconds."""

    id: str
    status: str
    waited: float
    rows: int | None


class Exporter:
    """Runs exports for one account.

    exporter = Exporter(client, starts)
    export = exporter.wait(exporter.start("clicks", start, end, fields=["transaction_id", "payout"])["id"])
    with exporter.rows(export) as rows:
        for row in rows: ...
    """

    def __init__(
        self,
        client: Client,
        starts: StartLog,
        *,
        limit: int = PER_DAY,
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._starts = starts
        self._limit = limit
        self._today = today
        self._clock = clock
        self._sleep = sleep

    def budget(self) -> DailyBudget:
        """Return what is left for today."""
        used = self._starts.since(self._today() - DAY)
        next_free = used[-self._limit] + DAY if len(used) >= self._limit else None
        return DailyBudget(self._limit, len(used), next_free)

    def start(
        self,
        table: Table,
        start: datetime,
        end: datetime,
        *,
        fields: Sequence[str],
        extra_parameters: Sequence[str] = (),
        filter: ReportFilter | None = None,  # noqa: A002
        delimiter: str | None = None,
    ) -> Row:
        """Start an export and return its object.

        Raises DailyBudgetExhausted without asking Integr8 when the day's exports are used up; OutcomeUnknown
        when it may have been started, in which case it stays counted.
        """
        now = self._today()
        if not self._starts.reserve(now, limit=self._limit, span=DAY):
            raise DailyBudgetExhausted(self._limit, self.budget().next_free or now)
        downloads = self._client.downloads
        try:
            if table == "postback_logs":
                return downloads.postback_logs(start, end, fields=fields, delimiter=delimiter, priority=Priority.BULK)
            method = {
                "clicks": downloads.clicks,
                "conversions": downloads.conversions,
                "impressions": downloads.impressions,
            }[table]
            return method(
                start,
                end,
                fields=fields,
                extra_parameters=extra_parameters,
                filter=filter,
                delimiter=delimiter,
                priority=Priority.BULK,
            )
        except (InvalidCall, Unreachable):
            self._starts.release(now)
            raise

    def wait(
        self,
        id: str,  # noqa: A002
        *,
        progress: Callable[[Progress], None] = lambda _: None,
        deadline: float = 3600.0,
    ) -> Row:
        """Poll ever more slowly until the export is ready, and return its object. `deadline`: seconds.

        Raises RequestFailed if Integr8 gave the export up, NoAnswer if it was not ready in time.
        """
        began, pause = self._clock(), FIRST_POLL
        while True:
            export = self.status(id)
            waited, status = self._clock() - began, str(export.get("status", "UNKNOWN")).upper()
            progress(Progress(id, status, waited, total(export)))
            if status in BROKEN:
                words = f"export {id} ended as {status}: {export.get('error') or 'no reason given'}"
                raise RequestFailed("exports.get", words=words)
            if status == "COMPLETED" or (status not in RUNNING and _artifact(export)):
                return export
            if waited + pause > deadline:
                raise NoAnswer("exports.get", words=f"export {id} is still {status} after {waited:.0f} s")
            self._sleep(pause * (0.9 + 0.2 * random.random()))  # noqa: S311 - spreads load
            pause = min(SLOWEST_POLL, pause * 1.5)

    @contextmanager
    def rows(self, export: Row, *, delimiter: str = ",") -> Iterator[Iterator[dict[str, str]]]:
        """Yield the rows of a finished export, one by one, as they arrive. Raises NoAnswer if the file breaks off."""
        with self._open(export) as pieces:
            text = io.TextIOWrapper(io.BufferedReader(_Pieces(pieces)), encoding="utf-8-sig", newline="")
            yield _records(csv.DictReader(text, delimiter=delimiter, strict=True))

    def save(self, export: Row, path: Path, *, progress: Callable[[int], None] = lambda _: None) -> int:
        """Write the file to `path` and return its bytes; a file that breaks off is fetched again.

        The file gets its name only when it is complete. `progress` receives the bytes so far.
        """
        part = path.with_name(path.name + ".part")
        attempt = 0
        while True:
            attempt += 1
            try:
                size = self._write(export, part, progress)
            except ApiError as error:
                part.unlink(missing_ok=True)
                wait = wait_before_retry(error, attempt)
                if wait is None:
                    raise
                self._sleep(wait.total_seconds())
            else:
                part.replace(path)
                return size

    def _write(self, export: Row, part: Path, progress: Callable[[int], None]) -> int:
        size = 0
        with self._open(export) as pieces, part.open("wb") as file:
            for piece in pieces:
                size += file.write(piece)
                progress(size)
        return size

    @contextmanager
    def _open(self, export: Row) -> Iterator[Iterator[bytes]]:
        url = self.address(export)
        if url is None:
            raise Malformed("exports.get", words=f"export {export.get('id')} has no file name (artifact.name)")
        with self._client.open_file(url) as pieces:
            yield pieces

    def status(self, id: str) -> Row:  # noqa: A002
        """Return the present state of the export."""
        return self._client.exports.get(id, priority=Priority.BULK)

    def address(self, export: Row) -> str | None:
        """Return the address of its file, valid for a while without a key; None while there is no file."""
        name = _artifact(export)
        return None if name is None else self._client.exports.url(name, priority=Priority.BULK)

    def delete(self, id: str) -> None:  # noqa: A002
        """Delete the export and its file."""
        self._client.exports.delete(id, priority=Priority.BULK)


def _artifact(export: Row) -> str | None:
    artifact = export.get("artifact")
    name = artifact.get("name") if isinstance(artifact, Mapping) else None
    return str(name) if name else None


def total(export: Row) -> int | None:
    """Return the number of rows, once Integr8 reports it."""
    meta = export.get("results_meta")
    total = meta.get("total") if isinstance(meta, Mapping) else None
    return total if isinstance(total, int) else None


def _records(reader: "csv.DictReader[str]") -> Iterator[dict[str, str]]:
    try:
        for row in reader:
            if None in row or None in row.values():
                raise Malformed(
                    "exports.file", words=f"line {reader.line_num} does not have as many columns as the first"
                )
            yield row
    except (csv.Error, UnicodeDecodeError) as error:
        raise Malformed("exports.file", words=f"line {reader.line_num}: {error}") from None


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a readable file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
