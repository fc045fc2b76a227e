"""Files of facts in time order: readers load a few thousand rows at a time and only the columns they need.

A file holds one chunk of the database once more, sorted by time, each column in the narrowest whole numbers that hold
it. It is never changed, and nothing is lost with it: whatever is missing, damaged or of another chunk is made anew from
the database. Every block of a column has its checksum, which is proven at each reading, so that no damaged number is
ever summed up.

Layout: magic, length and checksum of the header, header (JSON), columns one after the other, names of labels.
"""

import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bridge.reports.fact_batch import DTYPES, MONEY, Batch
from rules.model.revision import DECLARABLE

MAGIC: Final = b"IBS1"
BLOCK: Final = 4_096  # rows; what a window reads at least where it slides
FILE_COLUMNS: Final = ("event", "seen", "status", "weight", "payout", "revenue", "delay")
NARROW: Final = ("|u1", "<u2", "<u4", "<u8")


class NotAFile(ValueError):
    """The file does not exist, is damaged, or holds something else."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The position of a column, and how to read it.

    `base` is added to each number; without `kind` it is the only value.
    """

    base: int
    kind: str
    offset: int
    checksums: NDArray[np.uint32]  # of each block


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """The description of a file, kept in memory while the file is in use."""

    path: Path
    rows: int
    columns: Mapping[str, Column]
    labels: Mapping[str, tuple[Column, tuple[int, int, int]]]  # and where the names lie: offset, length, checksum
    first_event: NDArray[np.int64]  # of each block
    last_event: int
    last_seen: NDArray[np.int64]  # of each block
    first_seen: int
    said: Mapping[str, int] = field(default_factory=dict)  # when a row first said a declared dimension

    def blocks(self, start: int, end: int) -> range:
        """Return the blocks that may hold facts of [start, end)."""
        if not self.rows or self.last_event < start:
            return range(0)
        low = int(np.searchsorted(self.first_event, start, side="left"))
        return range(max(low - 1, 0), int(np.searchsorted(self.first_event, end, side="left")))


def write(path: Path, batch: Batch, mark: str) -> None:
    """Write facts, sorted by time, to a file that appears only when it is complete. Raises OSError.

    The directory exists. `mark` names the source of the file.
    """
    parts: list[bytes] = []
    at = 0

    def put(data: bytes) -> int:
        nonlocal at
        parts.append(data)
        at += len(data)
        return at - len(data)

    columns = {name: _laid_out(getattr(batch, name), put) for name in FILE_COLUMNS}
    labels = {}
    for name, given in batch.labels.items():
        found = given.compact()
        if len(found.names) > 1:
            column = _laid_out(found.codes, put)
            names = zlib.compress("\0".join(found.names).encode("utf-8", "surrogatepass"), 1)
            labels[name] = [column, [put(names), len(names), zlib.crc32(names)]]
    starts = np.arange(0, len(batch), BLOCK)
    head = {
        "mark": mark,
        "rows": len(batch),
        "columns": columns,
        "labels": labels,
        "first event": batch.event[starts].tolist(),
        "last event": int(batch.event[-1]),
        "last seen": np.maximum.reduceat(batch.seen, starts).tolist(),
        "first seen": int(batch.seen.min()),
        "said": {
            name: int(batch.seen[column.codes > 0].min())
            for name, column in batch.labels.items()
            if name in DECLARABLE and column.codes.any()
        },
        "size": at,
    }
    header = json.dumps(head, separators=(",", ":")).encode()
    opening = MAGIC + len(header).to_bytes(4, "little") + zlib.crc32(header).to_bytes(4, "little")
    write_whole(path, [opening, header, *parts])


def write_whole(path: Path, parts: Sequence[bytes]) -> None:
    """Write bytes to a file that only its owner reads, and that appears only when it is complete. Raises OSError."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.writelines(parts)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def narrow(values: NDArray[Any]) -> tuple[int, NDArray[Any]]:
    """Return the smallest of some whole numbers, and the differences from it in the narrowest type.

    `widen` reverses it.
    """
    base = int(values.min()) if len(values) else 0
    spread = int(values.max()) - base if len(values) else 0
    if not spread:
        return base, np.zeros(len(values), dtype=NARROW[0])
    kind = next(kind for kind in NARROW if spread <= int(np.iinfo(kind).max))
    return base, (values.astype(np.uint64) - np.uint64(base % 2**64)).astype(kind)  # modulo 2^64, as is the way back


def widen(base: int, numbers: NDArray[Any], dtype: "np.dtype[Any]") -> NDArray[Any]:
    return (numbers.astype(np.uint64) + np.uint64(base % 2**64)).astype(dtype)


def _laid_out(values: NDArray[Any], put: Any) -> list[Any]:
    """Return base, type, offset and checksums of a column to be written."""
    base, numbers = narrow(values)
    if not numbers.any():
        return [base, "", 0, []]
    checksums = [zlib.crc32(numbers[row : row + BLOCK].tobytes()) for row in range(0, len(numbers), BLOCK)]
    return [base, numbers.dtype.str, put(numbers.tobytes()), checksums]


def read_index(path: Path, mark: str) -> Index:
    """Read the index. Raises NotAFile if the file's header does not match `mark`."""
    try:
        with path.open("rb") as file:
            opening = file.read(12)
            length = int.from_bytes(opening[4:8], "little")
            header = file.read(length) if opening[:4] == MAGIC else b""
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise NotAFile(f"{path}: {error.strerror}") from error
    if len(opening) != 12 or not header or zlib.crc32(header) != int.from_bytes(opening[8:], "little"):
        raise NotAFile(f"{path}: the header is damaged")
    head = json.loads(header)
    body = 12 + length
    if head["mark"] != mark:
        raise NotAFile(f"{path}: holds something else")
    if size != body + head["size"]:
        raise NotAFile(f"{path}: has {size} bytes instead of {body + head['size']}")
    return Index(
        path=path,
        rows=head["rows"],
        columns={name: _column(form, body) for name, form in head["columns"].items()},
        labels={
            name: (_column(form, body), (body + names[0], names[1], names[2]))
            for name, (form, names) in head["labels"].items()
        },
        first_event=np.array(head["first event"], dtype=np.int64),
        last_event=head["last event"],
        last_seen=np.array(head["last seen"], dtype=np.int64),
        first_seen=head["first seen"],
        said=head["said"],
    )


def _column(form: list[Any], body: int) -> Column:
    base, kind, offset, checksums = form
    return Column(base, kind, body + offset, np.array(checksums, dtype=np.uint32))


class Reader:
    """Reads from one file. Raises NotAFile for damaged data."""

    def __init__(self, index: Index) -> None:
        self.index = index

    def numbers(self, name: str, blocks: range) -> NDArray[Any]:
        """Return a column of numbers, in its own type."""
        return self._read(self.index.columns[name], blocks, DTYPES[name])

    def says_nothing(self, name: str) -> bool:
        """Return whether a column is all zeros."""
        column = self.index.columns[name]
        return not column.kind and column.base == 0

    def codes(self, name: str, blocks: range) -> NDArray[np.int32]:
        """Return a column of labels, as positions in `names`."""
        found = self.index.labels.get(name)
        if found is None:
            return np.zeros(self.count(blocks), dtype=np.int32)
        return self._read(found[0], blocks, np.dtype(np.int32))

    def names(self, name: str) -> tuple[str, ...]:
        found = self.index.labels.get(name)
        if found is None:
            return ("",)
        offset, length, checksum = found[1]
        with self._open() as file:
            data = os.pread(file, length, offset)
        if zlib.crc32(data) != checksum:
            raise NotAFile(f"{self.index.path}: the names of {name} are damaged")
        return tuple(zlib.decompress(data).decode("utf-8", "surrogatepass").split("\0"))

    def count(self, blocks: range) -> int:
        return max(min(blocks.stop * BLOCK, self.index.rows) - blocks.start * BLOCK, 0)

    def _read(self, column: Column, blocks: range, dtype: "np.dtype[Any]") -> NDArray[Any]:
        count = self.count(blocks)
        if not column.kind:
            return np.full(count, column.base, dtype=dtype)
        kind = np.dtype(column.kind)
        with self._open() as file:
            data = os.pread(file, count * kind.itemsize, column.offset + blocks.start * BLOCK * kind.itemsize)
        step = BLOCK * kind.itemsize
        view = memoryview(data)
        for number, block in enumerate(blocks):
            if zlib.crc32(view[number * step : (number + 1) * step]) != int(column.checksums[block]):
                raise NotAFile(f"{self.index.path}: a block is damaged")
        values = np.frombuffer(data, dtype=kind)
        if not column.base:
            return values.astype(dtype)
        if dtype == np.int64 and kind.itemsize < 8:
            return values + np.int64(column.base)
        return widen(column.base, values, dtype)

    @contextmanager
    def _open(self) -> Iterator[int]:
        try:
            file = os.open(self.index.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise NotAFile(f"{self.index.path}: {error.strerror}") from error
        try:
            yield file
        except OSError as error:
            raise NotAFile(f"{self.index.path}: {error.strerror}") from error
        finally:
            os.close(file)


def counts(reader: Reader, metric: str) -> bool:
    """Return whether any fact of the file may add something to a metric."""
    return not reader.says_nothing(metric) if metric in MONEY else not reader.says_nothing("weight")
