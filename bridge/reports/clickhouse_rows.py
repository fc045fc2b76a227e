"""Store rows of observations in ClickHouse: write a batch, read facts, remove batches.

Sums are in `clickhouse_segment`.

A batch is what one insert has written: the facts of one chunk, under a number of its own that no other insert has, in
no other bridge either. Only the database knows which batches count (`observations.Chunk.batch`); whatever else lies in
the table is never read. Every question names its batches.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from bridge.reports.clickhouse_client import ClickHouse
from bridge.reports.fact_batch import DTYPES, MONEY, NUMBERS, Batch, Labels
from bridge.reports.report_rows import COLUMN_SPELLINGS, MORE_SPELLINGS
from bridge.store.feeds import Kind
from bridge.store.observations import ChunkInfo
from bridge.store.observations_away import WHERE_ROWS_ARE, ObservationsAway
from rules.model.revision import DECLARABLE

TABLE: Final = "bridge_observations"
#: Everything that facts may say in words. Those of many different values are plain texts.
LABELS: Final = (*COLUMN_SPELLINGS, *MORE_SPELLINGS, "tx", "key", "import")
MANY_VALUES: Final = frozenset(
    {"external_id", "tx", "landing_page", "referrer_domain", "sub_id", *(f"sub_id_{one}" for one in range(2, 11))}
)
#: How the table calls what facts say in another word: their own is taken, or means something in SQL.
COLUMNS: Final[Mapping[str, str]] = {
    "event": "event_name",
    "reason": "rejection_reason",
    "tx": "transaction",
    "key": "named_by",
    "import": "brought_by",
}
TYPES: Final[Mapping[str, str]] = {
    "event": "Int64",
    "seen": "Int64",
    "high": "UInt64",
    "low": "UInt64",
    "nth": "UInt8",
    "status": "UInt8",
    "weight": "Int32",
    "payout": "Int64",
    "revenue": "Int64",
    "delay": "Int32",
}
LONGER: Final = timedelta(days=7)  # rows stay so much longer than their chunk: the database forgets first
MAX_SECONDS: Final = 2**32 - 1

#: One partition for each account and day: what is asked is a time range of one account, and the end of a batch is the
#: end of whole days. Instants are whole seconds without a zone; `toDateTime(..., 'UTC')` depends on no server setting.
_NUMBERS = [f"{name} {kind}{' CODEC(Delta, LZ4)' * (name in {'event', 'seen'})}" for name, kind in TYPES.items()]
_TEXTS = [
    f"{COLUMNS.get(name, name)} {'String' if name in MANY_VALUES else 'LowCardinality(String)'}" for name in LABELS
]
_COLUMNS = ",\n    ".join([*_NUMBERS, *_TEXTS])
CREATE = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    account LowCardinality(String),
    integration LowCardinality(String),
    kind LowCardinality(String),
    batch UInt64,
    place UInt32,
    {_COLUMNS},
    expires UInt32,
    click Int64 MATERIALIZED event - greatest(delay, 0),
    INDEX clicked click TYPE minmax GRANULARITY 1,
    INDEX seen_at seen TYPE minmax GRANULARITY 1,
    INDEX of_batch batch TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY (account, toDate(toDateTime(event, 'UTC')))
ORDER BY (kind, integration, event)
TTL toDateTime(expires, 'UTC')
"""


@dataclass(frozen=True, slots=True)
class Place:
    """The owner and the feed of rows."""

    account: str
    integration: str
    kind: Kind

    @property
    def condition(self) -> str:
        return f"account = {text(self.account)} AND integration = {text(self.integration)} AND kind = {text(self.kind)}"


@dataclass(frozen=True, slots=True)
class Written:
    """The description of a batch in the row of its chunk."""

    batch: int
    about: dict[str, Any]


def text(value: str) -> str:
    """Return any text as a literal in a query."""
    return f"unhex('{encoded(value).hex()}')"


def encoded(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def decoded(value: bytes) -> str:
    return value.decode("utf-8", "surrogatepass")


def numbers(batches: Iterable[int]) -> str:
    return ", ".join(map(str, batches))


def new_number() -> int:
    """Return the number of a batch: random, not counted, so that a restored database repeats none."""
    return secrets.randbits(63)


class ClickHouseRows:
    """The table."""

    def __init__(self, server: ClickHouse, keep: timedelta) -> None:
        """Create it. `keep`: how long observations stay in any form, as bridge.yaml says."""
        self.server = server
        self._keep = keep
        self._is_made = False

    def make(self) -> None:
        """Create the table if it is missing. An existing one is used unchanged, whatever engine it has."""
        if not self._is_made:
            self.server.command(CREATE)
            self._is_made = True

    def write(self, place: Place, batch: int, facts: Batch) -> Written:
        """Write facts under an unused number, and verify that all are there exactly once.

        Raises ObservationsAway: then the number must not be used again, because an insert without an answer may have
        been executed.
        """
        unknown = {name for name, column in facts.labels.items() if column.codes.any()} - set(LABELS)
        assert not unknown, f"facts say {', '.join(sorted(unknown))}, for which the table has no column"
        self.make()
        count, labels = len(facts), _telling(facts)
        columns: dict[str, Any] = {
            "account": [place.account] * count,
            "integration": [place.integration] * count,
            "kind": [str(place.kind)] * count,
            "batch": np.full(count, batch, dtype=np.uint64),
            "place": np.arange(count, dtype=np.uint32),
            **{name: _whole(facts, name) for name in NUMBERS},
            **{column_of(name): _texts(facts.column(name)) for name in labels},
            "expires": np.full(count, expiry(int(facts.event.max()), self._keep), dtype=np.uint32),
        }
        self.server.insert(TABLE, columns)
        found = self.counts(place, [batch]).get(batch, 0)
        if found != count:
            raise ObservationsAway(f"ClickHouse has {found:,} of the {count:,} rows that were written just now")
        return Written(batch, {**about(facts), "days": self._keep.days})

    def counts(self, place: Place, batches: Collection[int]) -> dict[int, int]:
        """Return how many rows each batch has."""
        where = f"{place.condition} AND batch IN ({numbers(batches)})"
        query = f"SELECT batch, count() FROM {TABLE} WHERE {where} GROUP BY batch"
        answer = self.server.columns(query)  # without a row there is not even a column
        return dict(zip(*answer, strict=True)) if answer else {}

    def prove(self, place: Place, infos: Sequence[ChunkInfo]) -> None:
        """Verify that all rows of these chunks are there. Raises ObservationsAway."""
        wanted = {info.batch: info.count for info in infos if info.batch is not None}
        if not wanted:
            return
        found = self.counts(place, wanted)
        missing = sum(count - found.get(batch, 0) for batch, count in wanted.items())
        if missing or any(found[batch] != count for batch, count in wanted.items()):
            words = f"{missing:,} rows of {place.account}/{place.integration}/{place.kind} are missing in ClickHouse"
            raise ObservationsAway(f"{words}; does OBSERVATIONS_URL name another server or database than before?")

    def facts(
        self, place: Place, infos: Sequence[ChunkInfo], start: int | None = None, end: int | None = None
    ) -> dict[int, Batch]:
        """Return the facts of these chunks, by chunk and as they were written; only those of [start, end), if given.

        Raises ObservationsAway if a complete chunk is requested and is not complete.
        """
        if not infos:
            return {}
        labels = sorted({name for info in infos for name in info.about["labels"]})
        where = [place.condition, f"batch IN ({numbers(info.batch for info in infos if info.batch is not None)})"]
        where += [] if start is None else [f"event >= {start}"]
        where += [] if end is None else [f"event < {end}"]
        columns = ["batch", "place", *NUMBERS, *map(column_of, labels)]
        query = f"SELECT {', '.join(columns)} FROM {TABLE} WHERE {' AND '.join(where)}"
        collected = Collected(["batch", "place", *NUMBERS], labels)
        for block in self.server.blocks(query):
            collected.add(block)
        columns_of = {name: collected.numbers(name, kind) for name, kind in DTYPES.items()}
        everything = Batch(**columns_of, labels=collected.labels())
        batch, position = collected.numbers("batch", np.uint64), collected.numbers("place", np.int64)
        order = np.lexsort((position, batch))
        found = {}
        for info in infos:
            low, high = np.searchsorted(batch[order], [np.uint64(info.batch or 0), np.uint64((info.batch or 0) + 1)])
            rows = order[int(low) : int(high)]
            if start is None and end is None and len(rows) != info.count:
                raise ObservationsAway(f"ClickHouse has {len(rows):,} of the {info.count:,} rows of chunk {info.id}")
            found[info.id] = _as_written(everything.take(rows))
        return found

    def remove(self, batches: Sequence[int]) -> None:
        """Remove the rows of batches that no chunk names any more."""
        if batches:
            self.make()
            self.server.command(f"DELETE FROM {TABLE} WHERE batch IN ({numbers(batches)})")

    def keep_longer(self, infos: Sequence[ChunkInfo]) -> list[tuple[int, dict[str, Any]]]:
        """Extend the life of rows to the present setting; returns what to write into the rows of their chunks.

        A shorter life needs no change: the database forgets a chunk when its time has come.
        """
        found = []
        for days in sorted({info.about["days"] for info in infos if info.about["days"] < self._keep.days}):
            those = [info for info in infos if info.about["days"] == days]
            more = (self._keep.days - days) * 86_400
            self.server.command(
                f"ALTER TABLE {TABLE} UPDATE expires = toUInt32(least(toInt64(expires) + {more}, {MAX_SECONDS})) "
                f"WHERE batch IN ({numbers(info.batch for info in those if info.batch is not None)})",
                mutations_sync=2,
            )
            found += [(info.id, {**info.about, "days": self._keep.days}) for info in those]
        return found


def of(session: Session) -> ClickHouseRows | None:
    """Return where this process knows rows outside the database, if any."""
    given = session.info.get(WHERE_ROWS_ARE)
    found: ClickHouseRows | None = None if given is None else given()
    return found


def needed(session: Session) -> ClickHouseRows:
    """Return the same for a caller that needs it. Raises ObservationsAway."""
    found = of(session)
    if found is None:
        words = "observations lie in ClickHouse, and OBSERVATIONS_URL is not set"
        raise ObservationsAway(f"{words}; set it again, or run `integr8-bridge reports move database` with it")
    return found


def expiry(last_event: int, keep: timedelta) -> int:
    """Return when the rows of a chunk expire, in seconds since 1970."""
    return min(last_event + int((keep + LONGER).total_seconds()), MAX_SECONDS)


def about(facts: Batch) -> dict[str, Any]:
    """Return a summary of a batch, so that nobody has to read the batch for it."""
    labels = _telling(facts)
    said = {
        name: int(facts.seen[facts.column(_fact(name)).codes > 0].min()) for name in DECLARABLE if _fact(name) in labels
    }
    return {
        "labels": labels,
        "money": [name for name in MONEY if getattr(facts, name).any()],
        "said": said,
    }


def _fact(dimension: str) -> str:
    """Return the name of a dimension in facts."""
    return "reason" if dimension == "rejection_reason" else dimension


def column_of(label: str) -> str:
    """Return the column of a value in words; it may also be a dimension."""
    return COLUMNS.get(label, label)


def said_by(about: Mapping[str, Any], dimension: str) -> bool:
    """Return whether any fact of a batch has a dimension."""
    return _fact(dimension) in about["labels"]


def _telling(facts: Batch) -> list[str]:
    return sorted(
        name
        for name, column in facts.labels.items()
        if np.any([column.names[code] != "" for code in np.unique(column.codes)])
    )


def _whole(facts: Batch, name: str) -> NDArray[np.generic]:
    values: NDArray[np.generic] = getattr(facts, name)
    return values if len(values) else np.zeros(len(facts), dtype=DTYPES[name])


def _texts(column: Labels) -> list[bytes]:
    names = np.empty(len(column.names), dtype=object)
    names[:] = [encoded(name) for name in column.names]
    found: list[bytes] = names[column.codes].tolist()
    return found


def _as_written(facts: Batch) -> Batch:
    """Return facts without labels of other batches that were read along."""
    labels = {name: column.compact() for name, column in facts.labels.items()}
    kept = {name: column for name, column in labels.items() if len(column.names) > 1}
    return Batch(**{name: getattr(facts, name) for name in NUMBERS}, labels=kept)


class Collected:
    """Blocks of an answer, joined column by column."""

    def __init__(self, numbers: Sequence[str], labels: Sequence[str]) -> None:
        self._numbers: dict[str, list[Any]] = {name: [] for name in numbers}
        self._codes: dict[str, list[NDArray[np.int32]]] = {name: [] for name in labels}
        self._known: dict[str, dict[bytes, int]] = {name: {b"": 0} for name in labels}

    def add(self, block: Sequence[Any]) -> None:
        count = len(self._numbers)
        for parts, values in zip(self._numbers.values(), block[:count], strict=True):
            parts.append(values)
        for name, values in zip(self._codes, block[count:], strict=True):
            self._codes[name].append(coded(values, self._known[name]))

    def numbers(self, name: str, kind: Any) -> NDArray[Any]:
        parts = [np.asarray(values, dtype=kind) for values in self._numbers[name]]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)

    def labels(self) -> dict[str, Labels]:
        nothing = np.zeros(0, dtype=np.int32)
        return {
            name: Labels(np.concatenate(parts) if parts else nothing, tuple(map(decoded, self._known[name])))
            for name, parts in self._codes.items()
        }


def coded(values: Sequence[bytes], known: dict[bytes, int]) -> NDArray[np.int32]:
    """Return a number for each text; `known` learns the new ones. The empty text is 0."""
    return np.fromiter((known.setdefault(value, len(known)) for value in values), dtype=np.int32, count=len(values))
