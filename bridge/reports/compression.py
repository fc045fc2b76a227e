"""Pack facts into bytes and unpack them: each column takes the narrowest numbers that hold it.

Layout: magic, length of the header (4 bytes), header (JSON), columns one after the other. Columns are compressed
where that helps; columns that say nothing (all zero, one value) take no bytes. The form is versioned by its magic; old
chunks stay readable.
"""

import json
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.reports.fact_batch import DTYPES, NUMBERS, Batch, Labels

MAGIC = b"IBF1"
FAST = 1  # zlib's level: 6 makes chunks 4% smaller and takes four times as long
MS = 1000
RANDOM_BITS = 16  # of the upper half of a ULID; the 48 above are its millisecond


class NotAChunk(ValueError):
    """The bytes were not written by `pack`, or are cut off."""


def pack(batch: Batch) -> bytes:
    numbers = {name: getattr(batch, name) for name in NUMBERS if name not in {"event", "high", "low"}}
    numbers["event"] = np.diff(batch.event, prepend=np.int64(0))
    # A ULID's time is close to the event's: the difference is small, where the time itself would not be.
    stamp = (batch.high >> np.uint64(RANDOM_BITS)).astype(np.int64) - batch.event * MS
    numbers["stamp"] = stamp
    numbers["random"] = (batch.high & np.uint64(0xFFFF)).astype(np.int64)
    numbers["low"] = batch.low
    head: dict[str, Any] = {"count": len(batch), "numbers": [], "labels": []}
    parts: list[bytes] = []
    for name, values in numbers.items():
        head["numbers"].append([name, *_shrink(values, parts)])
    for name, given in batch.labels.items():
        column = given.compact()
        if len(column.names) > 1:
            names = zlib.compress("\0".join(column.names).encode("utf-8", "surrogatepass"), FAST)
            parts.append(names)
            head["labels"].append([name, len(names), len(column.names), *_shrink(column.codes, parts)])
    header = json.dumps(head, separators=(",", ":")).encode()
    return b"".join([MAGIC, len(header).to_bytes(4, "little"), header, *parts])


def _shrink(values: NDArray[Any], parts: list[bytes]) -> list[Any]:
    """Append the column's bytes; return what is needed to read them: base, type, length, deflated."""
    if not len(values):
        return [0, "|u1", 0, False]
    base = int(values.min())
    spread = int(values.max()) - base
    if spread == 0:
        return [base, "", 0, False]
    narrow = next(kind for kind in ("|u1", "<u2", "<u4", "<u8") if spread <= int(np.iinfo(kind).max))
    wide = values.astype(np.uint64) - np.uint64(base % 2**64)  # modulo 2^64, as is the way back
    raw = wide.astype(narrow).tobytes()
    packed = zlib.compress(raw, FAST) if narrow != "<u8" else raw
    if len(packed) >= len(raw) * 0.95:
        packed = raw
    parts.append(packed)
    return [base, narrow, len(packed), packed is not raw]


@dataclass(slots=True)
class _Reader:
    data: memoryview
    at: int

    def take(self, length: int) -> memoryview:
        part = self.data[self.at : self.at + length]
        if len(part) != length:
            raise NotAChunk(f"{length} bytes expected at {self.at}, {len(part)} are there")
        self.at += length
        return part

    def numbers(self, count: int, form: list[Any], dtype: Any) -> NDArray[Any]:
        base, kind, length, deflated = form
        if not kind:
            return np.full(count, base, dtype=dtype)
        raw = self.take(length)
        values = np.frombuffer(zlib.decompress(raw) if deflated else raw, dtype=kind)
        if len(values) != count:
            raise NotAChunk(f"a column has {len(values)} values instead of {count}")
        if dtype == np.uint64 and not base:
            return values.astype(dtype)
        return (values.astype(np.uint64) + np.uint64(base % 2**64)).astype(dtype)


def unpack(data: bytes) -> Batch:
    """Unpack a chunk. Raises NotAChunk for damaged bytes."""
    if data[:4] != MAGIC:
        raise NotAChunk("these bytes are not observations; their first four are wrong")
    length = int.from_bytes(data[4:8], "little")
    reader = _Reader(memoryview(data), 8)
    try:
        head = json.loads(bytes(reader.take(length)))
        count = head["count"]
        columns = {
            name: reader.numbers(count, form, DTYPES.get(name, np.dtype(np.int64))) for name, *form in head["numbers"]
        }
        labels = {}
        for name, names_length, names_count, *form in head["labels"]:
            names = tuple(zlib.decompress(reader.take(names_length)).decode("utf-8", "surrogatepass").split("\0"))
            if len(names) != names_count:
                raise NotAChunk(f"{name} has {len(names)} names instead of {names_count}")
            labels[name] = Labels(reader.numbers(count, form, np.dtype(np.int32)), names)
    except (zlib.error, json.JSONDecodeError, KeyError, UnicodeDecodeError) as error:
        raise NotAChunk(f"these observations are damaged: {error}") from error
    event = np.cumsum(columns.pop("event"))
    stamp = (columns.pop("stamp") + event * MS).astype(np.uint64)
    columns["high"] = stamp << np.uint64(RANDOM_BITS) | columns.pop("random").astype(np.uint64)
    return Batch(event=event, **columns, labels=labels)
