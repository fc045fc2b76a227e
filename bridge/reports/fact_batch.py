"""Batches of facts, stored as columns.

A fact says: seen at this time, so many rows (weight) with this event time, status, money and dimensions. A row
that changes is retracted by a fact with the weight -1 and told anew by one with +1, so what was known at any
time T about any time range is a plain sum over `seen_at <= T`, exact, in any order, and nothing is overwritten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

UNKNOWN_DELAY = -1
MONEY = ("payout", "revenue")


class Status(IntEnum):
    OTHER = 0
    APPROVED = 1
    REJECTED = 2
    PENDING = 3


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A column of texts: each text once in `names`; the first is the empty text."""

    codes: NDArray[np.int32]
    names: tuple[str, ...] = ("",)

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Labels":
        known: dict[str, int] = {"": 0}
        codes = [known.setdefault(text, len(known)) for text in texts]
        return cls(np.array(codes, dtype=np.int32), tuple(known))

    @classmethod
    def empty(cls, count: int) -> "Labels":
        return cls(np.zeros(count, dtype=np.int32))

    def take(self, index: NDArray[np.intp]) -> "Labels":
        return Labels(self.codes[index], self.names)

    def into(self, known: dict[str, int]) -> NDArray[np.int32]:
        """Return the codes under another numbering, which learns the missing names."""
        table = np.array([known.setdefault(name, len(known)) for name in self.names], dtype=np.int32)
        return table[self.codes]

    def texts(self) -> list[str]:
        return [self.names[code] for code in self.codes.tolist()]

    def compact(self) -> "Labels":
        """Return the same with only the names that occur."""
        used = np.unique(np.append(self.codes, 0))
        if len(used) == len(self.names):
            return self
        table = np.zeros(len(self.names), dtype=np.int32)
        table[used] = np.arange(len(used), dtype=np.int32)
        return Labels(table[self.codes], tuple(self.names[code] for code in used.tolist()))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Facts, one per position. Times are whole seconds since 1970; money is in micro-units, times weight."""

    event: NDArray[np.int64]
    seen: NDArray[np.int64]
    high: NDArray[np.uint64]  # the upper and lower half of the transaction's 128 bits
    low: NDArray[np.uint64]
    nth: NDArray[np.uint8]  # Integr8 may list equal rows: this is the second, the third, ...
    status: NDArray[np.uint8]
    weight: NDArray[np.int32]
    payout: NDArray[np.int64]
    revenue: NDArray[np.int64]
    delay: NDArray[np.int32]  # seconds from click to conversion, or UNKNOWN_DELAY
    #: By the names of `bridge.reports.report_rows`, where the rows said any: what facts are grouped by, and beside that
    #: "currency"; "tx", the transaction id where it is not a ULID; "key", "click" where a conversion is known by the
    #: transaction of its click only; "import", the import that brought the fact.
    labels: Mapping[str, Labels]

    def __len__(self) -> int:
        return len(self.event)

    def take(self, index: NDArray[np.intp]) -> "Batch":
        columns = {name: getattr(self, name) for name in NUMBERS}
        taken = {name: values[index] if len(values) else values for name, values in columns.items()}
        return Batch(**taken, labels={name: column.take(index) for name, column in self.labels.items()})

    def seen_from(self, moment: int) -> "Batch":
        """Return the same facts, first seen at `moment`."""
        return replace(self, seen=np.full(len(self), moment, dtype=np.int64))

    def taken_back(self) -> "Batch":
        return replace(self, weight=-self.weight, payout=-self.payout, revenue=-self.revenue)

    def labelled(self, dimension: str, column: Labels) -> "Batch":
        """Return the same facts with another column of texts."""
        return replace(self, labels={**self.labels, dimension: column})

    def column(self, dimension: str) -> Labels:
        return self.labels.get(dimension) or Labels.empty(len(self))


NUMBERS = tuple(item.name for item in fields(Batch) if item.name != "labels")

DTYPES: Mapping[str, np.dtype[np.generic]] = {
    "event": np.dtype(np.int64),
    "seen": np.dtype(np.int64),
    "high": np.dtype(np.uint64),
    "low": np.dtype(np.uint64),
    "nth": np.dtype(np.uint8),
    "status": np.dtype(np.uint8),
    "weight": np.dtype(np.int32),
    "payout": np.dtype(np.int64),
    "revenue": np.dtype(np.int64),
    "delay": np.dtype(np.int32),
}


def nothing() -> Batch:
    return Batch(**{name: np.zeros(0, dtype=kind) for name, kind in DTYPES.items()}, labels={})


def join(batches: Sequence[Batch]) -> Batch:
    """Join batches in order."""
    batches = [batch for batch in batches if len(batch)]
    if len(batches) < 2:
        return batches[0] if batches else nothing()
    columns = {name: np.concatenate([_whole(batch, name) for batch in batches]) for name in NUMBERS}
    present = dict.fromkeys(name for batch in batches for name in batch.labels)
    labels = {}
    for name in present:
        known: dict[str, int] = {"": 0}
        codes = np.concatenate([batch.column(name).into(known) for batch in batches])
        labels[name] = Labels(codes, tuple(known))
    return Batch(**columns, labels=labels)


def _whole(batch: Batch, name: str) -> NDArray[np.generic]:
    """Return a column; one that was left out in memory is all zeros."""
    values: NDArray[np.generic] = getattr(batch, name)
    return values if len(values) else np.zeros(len(batch), dtype=DTYPES[name])
