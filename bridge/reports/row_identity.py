"""Row identity: find rows that describe the same click or conversion (vectorised, millions per second).

Integr8 lists no row number. One transaction may convert twice and may have later events, so a row is known by
its transaction, its event and its time together; rows that are equal even in that are counted (`nth`).
"""

import zlib
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from bridge.reports.fact_batch import MONEY, Batch
from bridge.store.ids import ALPHABET

ULID_LENGTH = 26
_NO_DIGIT = 255
_VALUES = np.full(256, _NO_DIGIT, dtype=np.uint8)
_VALUES[np.frombuffer(ALPHABET.encode(), dtype=np.uint8)] = np.arange(32, dtype=np.uint8)
_HALF = 13  # characters in each half of a ULID: 65 bits, of which the upper half uses 63

U64 = NDArray[np.uint64]


def pack(ids: Sequence[str]) -> tuple[U64, U64, list[str]]:
    """Return the 128 bits of each id, and the ids that are not ULIDs as texts ("" for those that are)."""
    raw = np.array([text.encode("utf-8", "replace") for text in ids], dtype=f"S{ULID_LENGTH + 1}")
    digits = raw.view(np.uint8).reshape(len(ids), ULID_LENGTH + 1)
    values = _VALUES[digits[:, :ULID_LENGTH]]
    proper = (values != _NO_DIGIT).all(axis=1) & (digits[:, ULID_LENGTH] == 0) & (values[:, 0] < 8)
    high, low = _halves(values)
    texts = [""] * len(ids)
    for row in np.flatnonzero(~proper).tolist():
        texts[row] = ids[row]
        digest = blake2b(ids[row].encode("utf-8", "surrogatepass"), digest_size=16).digest()
        high[row] = int.from_bytes(digest[:8], "big")
        low[row] = int.from_bytes(digest[8:], "big")
    return high, low, texts


def _halves(values: NDArray[np.uint8]) -> tuple[U64, U64]:
    wide = values.astype(np.uint64)
    five, one, four = np.uint64(5), np.uint64(1), np.uint64(4)
    high = np.zeros(len(values), dtype=np.uint64)
    low = np.zeros(len(values), dtype=np.uint64)
    for column in range(_HALF):
        high = high << five | wide[:, column]
    for column in range(_HALF, ULID_LENGTH):
        low = low << five | wide[:, column]  # its first digit's top bit is shifted out here ...
    return high << one | wide[:, _HALF] >> four, low  # ... and kept here


def unpack(high: U64, low: U64, texts: Sequence[str]) -> list[str]:
    """Return the original ids."""
    digits = np.empty((len(high), ULID_LENGTH), dtype=np.uint8)
    letters = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
    mask = np.uint64(31)
    for place in range(_HALF - 1):
        digits[:, ULID_LENGTH - 1 - place] = letters[(low >> np.uint64(5 * place) & mask).astype(np.intp)]
    top = (low >> np.uint64(60)) | (high & np.uint64(1)) << np.uint64(4)
    digits[:, _HALF] = letters[top.astype(np.intp)]
    for place in range(_HALF):
        shifted = high >> np.uint64(5 * place + 1) & mask
        digits[:, _HALF - 1 - place] = letters[shifted.astype(np.intp)]
    ulids = digits.tobytes().decode("ascii")
    return [text or ulids[row * ULID_LENGTH : (row + 1) * ULID_LENGTH] for row, text in enumerate(texts)]


def _mix(value: U64) -> U64:
    """Scatter 64 bits by a bijection (the finaliser of SplitMix64)."""
    value = (value ^ value >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ value >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return value ^ value >> np.uint64(31)


def keys(batch: Batch) -> U64:
    """Return a number per row that two different rows share with a probability of 2^-64."""
    events = batch.column("event")
    names = np.array([zlib.crc32(name.encode()) for name in events.names], dtype=np.uint64)
    key = _mix(batch.high ^ np.uint64(0x9E3779B97F4A7C15))
    key = _mix(key ^ batch.low)
    key = _mix(key ^ batch.event.astype(np.uint64) ^ names[events.codes] << np.uint64(32))
    return _mix(key ^ batch.nth.astype(np.uint64))


def digest(batch: Batch, numbers: Sequence[str], labels: Sequence[str]) -> U64:
    """Return a number per row for the values of some columns; equal values have equal numbers.

    A fact that retracts a row has the number of the fact that stated it.
    """
    found = np.zeros(len(batch), dtype=np.uint64)
    sign = np.sign(batch.weight).astype(np.int64)
    for name in numbers:
        values = getattr(batch, name).astype(np.int64)
        found = _mix(found ^ (values * sign if name in MONEY else values).astype(np.uint64))
    for name in labels:
        column = batch.column(name)
        names = np.array([zlib.crc32(text.encode()) for text in column.names], dtype=np.uint64)
        found = _mix(found ^ names[column.codes])
    return found


def count_equals(batch_keys: U64) -> NDArray[np.uint8]:
    """Return for each position how many equal keys precede it."""
    return np.minimum(_before(batch_keys), 255).astype(np.uint8)


def numbered(digests: U64) -> U64:
    """Return the digests; equal ones become different by their count."""
    return _mix(digests ^ _mix(_before(digests).astype(np.uint64)))


def _before(batch_keys: U64) -> NDArray[np.int64]:
    order = np.argsort(batch_keys, kind="stable")
    ordered = batch_keys[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(order) else order
    nth = np.zeros(len(batch_keys), dtype=np.int64)
    lengths = np.diff(np.append(starts, len(order)))
    nth[order] = np.arange(len(order)) - np.repeat(starts, lengths)
    return nth
