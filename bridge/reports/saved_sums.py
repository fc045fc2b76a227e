"""Save the sums of a process in a file, so that the next process need not count all rows again.

A file says of which chunks its sums were made. It is written as a whole or not at all, has one checksum over all of it,
and is thrown away when anything does not fit: sums decide nothing that rows do not say. Performs no other I/O than on
this file.

Layout: magic, checksum of what follows, when it was written, length of the header, header (JSON), arrays one after the
other.
"""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bridge.reports.broken_tracking import Written
from bridge.reports.segment_file import NotAFile, narrow, widen, write_whole
from bridge.reports.segments import Ints, Numbers, Per
from bridge.reports.windows import BY_CLICK, Edges, Source
from bridge.store.feeds import Kind
from bridge.version import VERSION

MAGIC: Final = b"IBW2"
FLOAT: Final = "<f8"
MAX_UNUSED_SECONDS: Final = 86_400  # seconds; a sum that was not asked for so long is not kept

Sums = Mapping[tuple[Source, str, Per], Sequence[tuple[Edges, Ints]]]  # by source, metric and dimension


@dataclass(frozen=True, slots=True)
class Extent:
    """The amount of counting that another process would have to repeat."""

    sums: int
    day: int  # whose rates it was counted with; 0: none

    def is_much_more_than(self, written: "Extent") -> bool:
        """Return whether it should be written early: a start would miss a fifth of it, or a day's work."""
        return self.sums * 4 > written.sums * 5 or self.day > written.day


NOTHING_COUNTED: Final = Extent(0, 0)


def count_of(tracking: Written | None) -> int:
    """Return for how many quarters of an hour something was computed."""
    return len(tracking.due) if tracking else 0


def day_of(tracking: Written | None) -> int:
    """Return the day of the rates; 0: none."""
    return tracking.rates_of[0] if tracking and tracking.rates_of else 0


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """The counts of a process, and their sources."""

    at: int  # seconds since 1970
    since: int  # all chunks with facts from here on are counted
    dimensions: Sequence[str]
    chunks: Mapping[int, str]  # number and mark of each chunk that is counted
    numbers: Numbers
    first: Mapping[tuple[Kind, str], int]  # when rows of a kind first said a declared dimension
    sums: Sums
    tracking: Written | None

    @property
    def extent(self) -> Extent:
        """The extent of the counts."""
        return Extent(sum(map(len, self.sums.values())) + count_of(self.tracking), day_of(self.tracking))


def write(path: Path, state: State) -> int:
    """Write it to a file in an existing directory; returns its size in bytes. Raises OSError."""
    parts: list[bytes] = []

    def put(values: NDArray[Any]) -> list[Any]:
        if values.dtype == np.float64:
            parts.append(values.tobytes())
            return [0, FLOAT, len(values), len(parts[-1])]
        base, numbers = narrow(values)
        parts.append(zlib.compress(numbers.tobytes(), 1))
        return [base, numbers.dtype.str, len(values), len(parts[-1])]

    head = {
        "version": VERSION,
        "since": state.since,
        "dimensions": list(state.dimensions),
        "chunks": [[number, mark] for number, mark in state.chunks.items()],
        "names": {dimension: list(names) for dimension, names in state.numbers.names.items()},
        "combined": [[list(per), put(codes.reshape(-1))] for per, codes in state.numbers.combined.items()],
        "aliases": {kind: dict(names) for kind, names in state.numbers.aliases.items()},
        "first": [[kind, name, moment] for (kind, name), moment in state.first.items()],
        "sums": [
            [source, metric, list(per), [[list(span), put(totals)] for span, totals in sums]]
            for (source, metric, per), sums in state.sums.items()
        ],
        "tracking": None if state.tracking is None else _told(state.tracking, put),
    }
    header = json.dumps(head, separators=(",", ":")).encode("utf-8", "surrogatepass")
    body = b"".join([state.at.to_bytes(8, "little"), len(header).to_bytes(4, "little"), header, *parts])
    write_whole(path, [MAGIC, zlib.crc32(body).to_bytes(4, "little"), body])
    return len(body) + 8


def written_at(path: Path) -> int | None:
    """Return when the sums in a file were written, in seconds since 1970; None if there is no file."""
    try:
        with path.open("rb") as file:
            opening = file.read(16)
    except OSError:
        return None
    return int.from_bytes(opening[8:], "little") if opening[:4] == MAGIC and len(opening) == 16 else None


def read(path: Path) -> State:
    """Read the file. Raises NotAFile if it is missing or damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotAFile(f"{path}: {error.strerror}") from error
    if data[:4] != MAGIC or zlib.crc32(memoryview(data)[8:]) != int.from_bytes(data[4:8], "little"):
        raise NotAFile(f"{path}: is damaged")
    at = 20 + int.from_bytes(data[16:20], "little")
    head = json.loads(data[20:at].decode("utf-8", "surrogatepass"))
    if head["version"] != VERSION:
        raise NotAFile(f"{path}: was written by version {head['version']}")

    def take(form: list[Any]) -> NDArray[Any]:
        nonlocal at
        base, kind, count, length = form
        part, at = data[at : at + length], at + length
        if kind == FLOAT:
            return np.frombuffer(part, dtype=kind, count=count)
        values = np.frombuffer(zlib.decompress(part), dtype=kind, count=count)
        return widen(base, values, np.dtype(np.int64))

    combined = {tuple(per): take(form).astype(np.int32).reshape(-1, len(per)) for per, form in head["combined"]}
    sums: Sums = {
        (BY_CLICK if source == BY_CLICK else Kind(source), metric, tuple(per)): [
            (Edges(*span), take(form)) for span, form in listed
        ]
        for source, metric, per, listed in head["sums"]
    }
    tracking = None if head["tracking"] is None else _tracking(head["tracking"], take)
    return State(
        at=int.from_bytes(data[8:16], "little"),
        since=head["since"],
        dimensions=head["dimensions"],
        chunks=dict(head["chunks"]),
        numbers=Numbers(head["names"], combined, head["aliases"]),
        first={(Kind(kind), name): moment for kind, name, moment in head["first"]},
        sums=sums,
        tracking=tracking,
    )


def _told(tracking: Written, put: Callable[[NDArray[Any]], list[Any]]) -> dict[str, Any]:
    return {
        "known": tracking.known,
        "day": tracking.day,
        "due": [[moment, put(found)] for moment, found in tracking.due.items()],
        "rates of": tracking.rates_of,
        "rates": put(tracking.rates),
    }


def _tracking(told: Mapping[str, Any], take: Callable[[list[Any]], NDArray[Any]]) -> Written:
    due = {moment: take(form) for moment, form in told["due"]}
    rates_of = None if told["rates of"] is None else (told["rates of"][0], told["rates of"][1])
    return Written(told["known"], told["day"], due, rates_of, take(told["rates"]))
