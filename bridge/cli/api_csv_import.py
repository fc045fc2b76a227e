"""Create many objects from a CSV file: validate all rows, record each step, resume after an interruption.

Every step is in the result file before the next begins. A row that was sent and of which no answer is known is
looked for by its natural key before it is created again.
"""

import csv
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from bridge.cli.api_options import cell
from bridge.integr8 import ApiError, BudgetError, Client, InvalidCall, flows
from bridge.integr8.errors import BadRequest, NotFound, NotUnique, OutcomeUnknown, Refused, RequestFailed
from bridge.integr8.flows import CollectionPath
from bridge.sources.csv_file import CsvProblem, Row, encoding_of, table
from bridge.store.csv_cells import safe_row

SHOWS_ENCODING = 400  # bytes
COLUMNS = ("line", "digest", "status", "id", "message")
DONE = frozenset({"created", "exists"})
DOUBTFUL = frozenset({"started", "unknown"})
OF_THE_ROW = (BadRequest, RequestFailed, NotFound, Refused, InvalidCall, NotUnique)


class ImportProblems(ValueError):
    """All problems of a file, one line each."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the file. The digest leaves a password out."""

    line: int
    fields: dict[str, Any]

    @property
    def digest(self) -> str:
        shown = sorted((key, str(value)) for key, value in self.fields.items() if key != "password")
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:12]


def read(path: Path, client: Client, collection: CollectionPath) -> tuple[list[Entry], str]:
    """Read and check all rows as the create would check them.

    Returns them with a note about a last row without a line end.

    Raises ImportProblems with all problems.
    """
    request = collection.operation("create").request
    assert request is not None
    known = request().fields
    problems: list[str] = []
    entries: list[Entry] = []
    try:
        with path.open("rb") as file:
            encoding = encoding_of(file.read(SHOWS_ENCODING))
        with path.open(encoding=encoding, newline="") as file:
            found = table(file)
            unknown = [name for name in found.columns if name not in known]
            problems = [f"{path}:{found.header_line}: unknown column {name!r}" for name in unknown]
            for row in found.rows:
                entry, wrong = _entry(row, known)
                wrong = wrong or _refused(client, collection, entry)
                problems += [f"{path}:{entry.line}: {words}" for words in wrong]
                entries.append(entry)
    except CsvProblem as error:
        problems.append(f"{path}:{error.line}: {error.words}")
    if problems:
        raise ImportProblems("\n".join(problems))
    return entries, found.open_end


def _entry(row: Row, known: Mapping[str, Any]) -> tuple[Entry, list[str]]:
    values, wrong = {}, [row.problem] if row.problem else []
    for name, text in row.cells.items():
        if not text:
            continue
        try:
            values[name] = cell(known.get(name), text)
        except ValueError as error:
            wrong.append(f"{name}: {error}")
    return Entry(row.line, values), wrong


def _refused(client: Client, collection: CollectionPath, entry: Entry) -> list[str]:
    try:
        client.context.request(f"{collection.resource}.create", path=collection.above, body=entry.fields)
    except InvalidCall as error:
        return [f"{place}: {words}" if place else words for place, words in error.problems.items()]
    return []


class Journal:
    """The result file: the result of each line. The last entry of a line counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[int, dict[str, str]] = {}
        if path.exists():
            with path.open(encoding="utf-8", newline="") as file:
                self.known = {int(row["line"]): row for row in csv.DictReader(file) if row.get("status")}
        self._file: TextIO | None = None

    def changed(self, entries: Iterable[Entry]) -> list[int]:
        """Return the lines that have changed since they were tried."""
        return [
            entry.line
            for entry in entries
            if entry.line in self.known and self.known[entry.line]["digest"] != entry.digest
        ]

    def status(self, entry: Entry) -> str:
        return self.known.get(entry.line, {}).get("status", "")

    def note(self, entry: Entry, status: str, id_: str = "", message: str = "") -> None:
        """Write an entry and flush it to the disk before the import continues."""
        row = {"line": str(entry.line), "digest": entry.digest, "status": status, "id": id_, "message": message}
        if self._file is None:
            fresh = not self.path.exists() or self.path.stat().st_size == 0
            self._file = self.path.open("a", encoding="utf-8", newline="")
            if fresh:
                csv.writer(self._file).writerow(COLUMNS)
        csv.DictWriter(self._file, COLUMNS).writerow(safe_row(row))  # a server's words may begin with anything
        self._file.flush()
        os.fsync(self._file.fileno())
        self.known[entry.line] = row

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def waiting(entries: Sequence[Entry], journal: Journal) -> list[Entry]:
    """Return the rows that still have to be created."""
    return [entry for entry in entries if journal.status(entry) not in DONE]


def carry_out(
    client: Client, collection: CollectionPath, entry: Entry, journal: Journal, *, key: str, find_first: bool
) -> str:
    """Create one row and note it. Returns its status; raises an error that would affect the next row too."""
    before = journal.status(entry)
    if before in DOUBTFUL and not entry.fields.get(key):
        return "unknown"  # nothing to find it by: a person has to look
    journal.note(entry, "started")
    try:
        row, created = _create(client, collection, entry, key, find_first=find_first or before in DOUBTFUL)
    except OF_THE_ROW as error:
        journal.note(entry, "failed", message=error.words or str(error))
        return "failed"
    except OutcomeUnknown as error:
        journal.note(entry, "unknown", message=error.words)
        return "unknown"
    except (ApiError, BudgetError) as error:
        # Refused or unsent, so this try created nothing; an earlier one may have.
        journal.note(entry, "unknown" if before in DOUBTFUL else "failed", message=str(error))
        raise
    status = "created" if created else "exists"
    journal.note(entry, status, id_=str(row.get("id", "")))
    return status


def _create(
    client: Client, collection: CollectionPath, entry: Entry, key: str, *, find_first: bool
) -> tuple[Mapping[str, Any], bool]:
    context = client.context
    if find_first:
        return client.run(flows.ensure(context, collection, key, entry.fields, None))
    try:
        return client.run(flows.create(context, collection, entry.fields, None)), True
    except OutcomeUnknown:
        value = entry.fields.get(key)
        found = client.run(flows.find(context, collection, {key: value}, None)) if value else None
        if found is None:
            raise
        return found, True
