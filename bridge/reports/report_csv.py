"""Read a CSV file of report rows: find its columns, and read each row with exact amounts, ids and times."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from bridge.reports import report_rows
from bridge.reports.report_rows import COLUMN_SPELLINGS, IDS, MORE_SPELLINGS, NOT_A_TIME, STATUSES, TIMES
from bridge.sources import spreadsheet
from bridge.sources.csv_file import CsvProblem, CsvTable, Row, encoding_of, table
from bridge.store.feeds import Kind
from rules.model.formatting import counted

ENCODING_SAMPLE_BYTES = 400  # bytes that show the encoding
MONEY = ("payout", "revenue")
MAX_COLUMNS_NAMED = 8  # columns in a sentence
MAX_WORDS_NAMED = 5
EXAMPLE = "2026-11-20T14:40:00+01:00"  # a time with its zone
CLOCKS_DIFFER = 300  # seconds between the clock that a row's own time is from and that of who saw it
#: Cells that are ids: a spreadsheet may have shortened them.
ID_COLUMNS = frozenset({*IDS, "external_transaction_id", "offer_id", "publisher_id", "advertiser_id"})
DIMENSIONS = tuple(name for names in (*COLUMN_SPELLINGS.values(), *MORE_SPELLINGS.values()) for name in names)
#: Cells that others choose, such as sub ids. A report lists them with their outer spaces.
FREE_TEXTS = frozenset(DIMENSIONS) - ID_COLUMNS


class Lines(NamedTuple):
    """One row: its place, its cells, and why it is refused (None: it is fine)."""

    line: int
    cells: Mapping[str, Any]
    problem: str | None
    seen: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ReportFile:
    """The rows of a file, one after another. `lacks`: which of status, payout and revenue it does not list."""

    lines: Iterator[Lines]
    lacks: tuple[str, ...] = ()
    understood: tuple[str, ...] = ()
    other_statuses: Counter[str] = field(default_factory=Counter)  # of the rows that were taken so far
    table: CsvTable | None = None  # whose last line may lack its end

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the interpretation of the file, as far as it was read."""
        end = self.table.open_end if self.table is not None else ""
        understood = (*self.understood, end) if end else self.understood
        if not self.other_statuses:
            return understood
        words = ", ".join(repr(word[:30]) for word in sorted(self.other_statuses)[:MAX_WORDS_NAMED])
        rows = counted(sum(self.other_statuses.values()), "row")
        others = (
            f"{rows} with a status that is neither approved, pending nor rejected, counted as not rejected: {words}"
        )
        return (*understood, others)


def encoding(path: Path) -> str:
    with path.open("rb") as file:
        return encoding_of(file.read(ENCODING_SAMPLE_BYTES))


def of(text: Iterable[str], kind: Kind, seen_column: str | None = None) -> ReportFile:
    """Return the report rows of a text. Raises CsvProblem, also while rows are read."""
    known = (*IDS, *TIMES[kind], "click_time", "status", *MONEY, *DIMENSIONS, *([seen_column] if seen_column else []))
    read = table(text, dict.fromkeys(known), exact=FREE_TEXTS)
    _require(read, IDS, f"the id of each of the {kind}")
    _require(read, TIMES[kind], f"the time of each of the {kind}")
    if seen_column and seen_column not in read.columns:
        shown = ", ".join(read.columns[:MAX_COLUMNS_NAMED])
        raise CsvProblem(read.header_line, f"no column {seen_column!r}; the line names {shown}")
    unused = [name for name in read.columns if name not in known]
    notes = [*read.notes]
    if unused:
        notes.append(f"columns that are not used ({len(unused)}): {', '.join(unused[:MAX_COLUMNS_NAMED])}")
    lacks = tuple(name for name in ("status", *MONEY) if name not in read.columns)
    others: Counter[str] = Counter()
    return ReportFile(_noting(_lines(read, kind, seen_column), others), lacks, tuple(notes), others, read)


def _noting(lines: Iterator[Lines], others: Counter[str]) -> Iterator[Lines]:
    for one in lines:
        status = str(one.cells.get("status") or "").strip().lower()
        if status and status not in STATUSES:
            others[status] += 1
        yield one


def _require(read: CsvTable, names: Sequence[str], what: str) -> None:
    if not set(names) & set(read.columns):
        shown = ", ".join(read.columns[:MAX_COLUMNS_NAMED])
        raise CsvProblem(read.header_line, f"no column for {what}, such as {' or '.join(names)}; it names {shown}")


def _lines(read: CsvTable, kind: Kind, seen_column: str | None) -> Iterator[Lines]:
    commas = read.delimiter == ";"  # where the comma separates decimals, something else separates cells
    readers: dict[str, Callable[[str], Any]] = {}
    for name in read.columns:
        if name in MONEY:
            readers[name] = _comma_amount if commas else _amount
        elif name in ID_COLUMNS:
            readers[name] = _identifier
        elif name in TIMES[kind] or name == "click_time":
            readers[name] = _moment
    for row in read.rows:
        yield _line(row, readers, seen_column)


def _line(row: Row, readers: Mapping[str, Callable[[str], Any]], seen_column: str | None) -> Lines:
    if row.problem:
        return Lines(row.line, {}, f"line {row.line}: {row.problem}")
    cells: dict[str, Any] = dict(row.cells)
    for name, reader in readers.items():
        if cells[name]:
            try:
                cells[name] = reader(cells[name])
            except ValueError as error:
                return Lines(row.line, {}, f"line {row.line}: {name}: {error}")
    if not seen_column:
        return Lines(row.line, cells, None)
    try:
        seen, words = spreadsheet.moment(row.cells[seen_column]), _unreadable(row.cells[seen_column])
    except ValueError as error:
        seen, words = None, str(error)
    if seen is None:
        return Lines(row.line, {}, f"line {row.line}: {seen_column}: {words}")
    return Lines(row.line, cells, None, int(seen.timestamp()))


def _unreadable(text: str) -> str:
    if not text:
        return f"is empty; write when the row was first listed, like {EXAMPLE}, or import the file without this column"
    return f"{text[:40]!r} is not a moment; write it like {EXAMPLE}"


def with_seen_checked(part: Sequence[Lines], kind: Kind, seen_column: str | None, now: datetime) -> list[Lines]:
    """Return the same lines; those that were seen before they happened, or are yet to be seen, are refused.

    A backtest asks what was known when: a wrong zone in that column would make it know too much or too little.
    """
    good = [one for one in part if one.problem is None]
    if not seen_column or not good:
        return list(part)
    events = dict(
        zip((one.line for one in good), report_rows.event_times(kind, [one.cells for one in good]), strict=True)
    )
    return [_with_seen_checked(one, int(events.get(one.line, NOT_A_TIME)), seen_column, now) for one in part]


def _with_seen_checked(one: Lines, event: int, seen_column: str, now: datetime) -> Lines:
    if one.seen is None or event == NOT_A_TIME:
        return one
    if one.seen < event - CLOCKS_DIFFER:
        words = (
            f"{_shown(one.seen)} is before the row happened, {_shown(event)}; a time without a zone is UTC, so write "
            f"the zone, like {EXAMPLE}"
        )
    elif one.seen > now.timestamp() + CLOCKS_DIFFER:
        words = f"{_shown(one.seen)} is in the future, and until then the row would count nowhere; correct the time"
    else:
        return one
    return Lines(one.line, {}, f"line {one.line}: {seen_column}: {words}")


def _shown(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"


@lru_cache(10_000)
def _amount(text: str) -> Any:
    return spreadsheet.amount(text)


@lru_cache(10_000)
def _comma_amount(text: str) -> Any:
    return spreadsheet.amount(text, commas=True)


def _identifier(text: str) -> str:
    if len(text) >= 26 and text.isascii() and text[0].isalnum() and text[-1].isalnum():
        return text  # no spreadsheet shortens a text; a file of uuids is read as fast as it can be
    return spreadsheet.identifier(text)


def _moment(text: str) -> Any:
    """Return a time; a text in the format of reports stays, because many are parsed together later."""
    if len(text) == 19 and text[4] == "-":
        return text
    found = spreadsheet.moment(text)
    return text if found is None else found
