"""Read CSV in its common variants: other separators, `sep=`, title lines, UTF-16. Performs no I/O of its own.

Only what is beyond doubt is read. Everything else is a CsvProblem, which names the line and what to do.
"""

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import NamedTuple

from rules.model.formatting import counted

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "|"}
HEAD = 30  # lines in which the column names are looked for
MAX_COLUMNS = 300
MAX_LINE_CHARS_SHOWN = 60  # characters of a line in a sentence
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


class CsvProblem(ValueError):
    """The file is not a table. `line` counts from 1; `words` say what is wrong and what to do."""

    def __init__(self, line: int, words: str) -> None:
        super().__init__(f"line {line}: {words}")
        self.line = line
        self.words = words

    def __reduce__(self) -> tuple[type["CsvProblem"], tuple[int, str]]:
        return type(self), (self.line, self.words)


class Row(NamedTuple):
    """One row: its cells by column, or the reason why it has none."""

    line: int
    cells: dict[str, str]
    problem: str = ""


@dataclass(slots=True, eq=False)
class _OpenEnd:
    """The last line of a file, if it has no line end. It is known once the rows are read."""

    line: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class CsvTable:
    """The columns of a file, and its rows one after another."""

    columns: tuple[str, ...]
    delimiter: str
    header_line: int
    rows: Iterator[Row] = field(repr=False)
    _open_end: _OpenEnd = field(default_factory=_OpenEnd, repr=False)

    @property
    def open_end(self) -> str:
        """A note about a last row without a line end, once the rows are read; otherwise empty.

        Many programs write such files, and a download that broke off in its last cell looks the same. A closing quote
        shows that the cell is complete.
        """
        end = self._open_end
        if end.line <= self.header_line or end.text.rstrip().endswith('"'):
            return ""
        cell = end.text.rpartition(self.delimiter)[2].strip()[:MAX_LINE_CHARS_SHOWN]
        return (
            f"line {end.line}, the last one, has no line end and was read as it stands, up to {cell!r}; "
            "if the file was cut off there, fetch it again"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the interpretation of the file, if it was not the usual one."""
        found = []
        if self.delimiter != ",":
            found.append(f"cells are separated by {DELIMITERS.get(self.delimiter, self.delimiter)}")
        if self.header_line > 1:
            found.append(f"line {self.header_line} names the columns; the lines above it were passed over")
        return tuple(found)


def encoding_of(start: bytes) -> str:
    """Return the encoding of a file by its first bytes: UTF-8, or UTF-16 with or without a mark. Raises CsvProblem."""
    for beginning, words in _NO_TEXT_AT_ALL.items():
        if start.startswith(beginning):
            raise CsvProblem(1, words)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if len(start) >= 4 and max(even, odd) > len(start) // 4 and min(even, odd) == 0:
        return "utf-16-le" if odd else "utf-16-be"
    return "utf-8-sig"


def text_of(raw: bytes) -> str:
    """Return the text of a whole body. Raises CsvProblem."""
    try:
        return raw.decode(encoding_of(raw[:200]))
    except UnicodeDecodeError as error:
        raise CsvProblem(raw[: error.start].count(b"\n") + 1, _NOT_TEXT) from None


_NOT_TEXT = "not UTF-8; save the file as `CSV UTF-8`"
_NO_TEXT_AT_ALL = {  # what files begin with that are given the name .csv, or sent as they were stored
    b"PK\x03\x04": "a spreadsheet or a zip file; export it as `CSV UTF-8`, or unpack it",
    b"\xd0\xcf\x11\xe0": "an old Excel file; export it as `CSV UTF-8`",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
}


def table(lines: Iterable[str], known: Collection[str] = (), exact: Collection[str] = ()) -> CsvTable:
    """Return the table in the lines of a text. Raises CsvProblem, also while rows are read.

    `known`: column names; the header must have at least two of them. With them a title above the header is skipped, and
    `Conversion Time` means `conversion_time`. Without them line 1 names the columns.
    `exact`: columns whose cells keep their outer spaces, unless the header has spaces around its delimiters as well.
    """
    end = _OpenEnd()
    source = _readable(iter(lines), end)
    head = list(islice(source, HEAD))
    if not any(line.strip() for line in head):
        raise CsvProblem(1, "the file is empty; the first line must name the columns")
    given = _SEPARATOR_LINE.fullmatch(head[0].strip("\ufeff\r\n"))
    first = 1 if given else 0
    at, delimiter = _header(head, first, [given[1]] if given else [*DELIMITERS], known)
    reader = csv.reader(chain(head[at:], source), delimiter=delimiter, strict=True)
    with_line = _numbered(reader, at)
    line, names = next(with_line)
    columns = _columns(names, known, line)
    spaced = any(cell.strip("\ufeff") != cell.strip("\ufeff \t") for cell in names)
    stripped = tuple(spaced or name not in exact for name in columns)
    return CsvTable(columns, delimiter, line, _rows(with_line, columns, stripped), end)


def _readable(lines: Iterator[str], end: _OpenEnd) -> Iterator[str]:
    number = 0
    try:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(("\n", "\r")):
                end.line, end.text = number, line
            yield line
    except UnicodeDecodeError:
        raise CsvProblem(number + 1, _NOT_TEXT) from None


def _header(head: Sequence[str], first: int, delimiters: Sequence[str], known: Collection[str]) -> tuple[int, str]:
    """Return the position of the header line, and its delimiter."""
    if not known:
        at = next((place for place in range(first, len(head)) if head[place].strip()), first)
        return at, delimiters[0] if len(delimiters) == 1 else _delimiter(head[at:])
    for at in range(first, len(head)):
        scores = {one: len({*_names(_split(head[at], one), known)} & {*known}) for one in delimiters}
        best = max(delimiters, key=lambda one: scores[one])
        if scores[best] > 1:
            return at, best
    shown = head[first].strip()[:MAX_LINE_CHARS_SHOWN] if first < len(head) else ""
    wanted = ", ".join(list(known)[:3])
    raise CsvProblem(first + 1, f"no column names such as {wanted}; the line is {shown!r}. Name the columns there")


def _delimiter(lines: Sequence[str]) -> str:
    """Return a comma, unless the first line has none and another delimiter gives the second line as many cells."""
    widths = {one: len(_split(lines[0], one)) for one in DELIMITERS}
    if widths[","] > 1:
        return ","
    others = [one for one in DELIMITERS if widths[one] > 1]
    if len(others) == 1 and all(len(_split(line, others[0])) == widths[others[0]] for line in lines[1:2]):
        return others[0]
    return ","


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line.lstrip("\ufeff")], delimiter=delimiter), [])
    except csv.Error:
        return []


def _names(cells: Iterable[str], known: Collection[str]) -> list[str]:
    return [_name(cell.strip().lstrip("\ufeff"), known) for cell in cells]


def _name(cell: str, known: Collection[str]) -> str:
    usual = re.sub(r"[\s-]+", "_", cell.lower())
    return usual if cell not in known and usual in known else cell


def _numbered(reader: Iterator[list[str]], before: int) -> Iterator[tuple[int, list[str]]]:
    try:
        for cells in reader:
            yield before + reader.line_num, cells  # type: ignore[attr-defined]
    except csv.Error as error:
        words = "a quote that is never closed" if "unexpected end" in str(error) else str(error)
        raise CsvProblem(before + reader.line_num, f"not CSV: {words}") from None  # type: ignore[attr-defined]


def _columns(cells: list[str], known: Collection[str], line: int) -> tuple[str, ...]:
    names = _names(cells, known)
    while names and not names[-1]:
        names.pop()  # spreadsheets leave empty columns behind
    if not names or len(names) > MAX_COLUMNS:
        raise CsvProblem(line, f"the line must name the columns, {MAX_COLUMNS} at most")
    if not all(names):
        raise CsvProblem(line, f"column {names.index('') + 1} has no name; every column needs one")
    for place, name in enumerate(names):
        if name in names[:place]:
            before = names.index(name) + 1
            raise CsvProblem(line, f"the column {name!r} appears twice, as columns {before} and {place + 1}; keep one")
    return tuple(names)


def _rows(
    lines: Iterator[tuple[int, list[str]]], columns: tuple[str, ...], stripped: tuple[bool, ...]
) -> Iterator[Row]:
    width, every = len(columns), all(stripped)
    for line, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue  # spreadsheets leave empty lines behind
        if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            cells = cells[:width]  # noqa: PLW2901
        if len(cells) != width:
            found = f"{counted(len(cells), 'cell')} under {counted(width, 'column')}"
            why = "a title stands above the column names" if width == 1 else "the row is cut off"
            yield Row(line, {}, f"{found}; {why}, or a cell lacks quotes")
            continue
        read = (cell.strip() for cell in cells) if every else map(_cell, cells, stripped)
        yield Row(line, dict(zip(columns, read, strict=True)))


def _cell(text: str, stripped: bool) -> str:  # noqa: FBT001 - one of each column
    return text.strip() if stripped else text
