"""Observations in ClickHouse say what observations in the database say, whatever happens on the way there."""

import random
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from observation_world import HOUR, T0, World, answers, with_rows, write
from sqlalchemy import delete

from bridge.reports import clickhouse_moves, retention
from bridge.reports.chunk_cache import moment
from bridge.reports.clickhouse_rows import ClickHouseRows
from bridge.reports.live_observations import LiveData
from bridge.reports.retention import Keep
from bridge.store.feeds import Feed
from bridge.store.observations import Chunk, ChunkBatch, UnusedBatch

numbered = iter(range(10**9))


pytestmark = pytest.mark.usefixtures("small_batches")

STEPS = ("write", "write", "write", "merge", "merge", "look", "look", "move", "restart", "sum up", "back", "keep")


@pytest.mark.slow
@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(st.sampled_from(STEPS), min_size=4, max_size=12), seed=st.integers(0, 2**32))
@example(steps=["write", "write", "look", "move", "look", "write", "look", "restart", "look"], seed=1)
@example(
    steps=["write", "write", "write", "look", "merge", "look", "keep", "restart", "look", "write", "merge"], seed=2
)
@example(steps=["write"] * 6 + ["move", "look", "sum up", "look", "back", "look"], seed=3)
def test_clickhouse_and_the_database_say_the_same(sqlite_store, plain_store, tmp_path, rows, steps, seed):
    made = random.Random(seed)
    for store in (sqlite_store, plain_store):
        with store.write() as session:
            for table in (ChunkBatch, Chunk, UnusedBatch, Feed):
                session.execute(delete(table))
    account = f"a'{next(numbered)} \\ ü"
    both = Both(
        World(plain_store, tmp_path / "plain", account),
        World(with_rows(sqlite_store, rows), tmp_path / "away", account),
        rows,
    )
    processes, now = [both.away.process(), both.away.process()], T0
    for step in [*steps, "look"]:
        now += made.choice([60, 900, 9 * HOUR])
        match step:
            case "restart":
                processes[made.randrange(2)] = both.away.process()
            case "keep":
                made.choice(processes).keep_sums(moment(now))
            case _:
                now = both.do(step, made, now)
        if step in {"look", "sum up", "move"}:
            both.look(processes, now, made)


@dataclass
class Both:
    """The same facts twice: all in the database, and some in ClickHouse."""

    plain: World
    away: World
    rows: ClickHouseRows

    def do(self, step: str, made: random.Random, now: int) -> int:
        """What happens; returns when it is over."""
        match step:
            case "write":
                state = made.getstate()
                write(self.plain, made, now)
                made.setstate(state)
                return write(self.away, made, now)
            case "merge":
                self.keep(Keep(), now)
            case "sum up":
                self.keep(Keep(rows=timedelta(days=7), dimensions=("sub_id_2",)), now + 100 * HOUR)
            case "move" | "back":
                clickhouse_moves.move(self.away.store, moment(now), to=self.rows if step == "move" else None)
        return now

    def keep(self, keep: Keep, now: int) -> None:
        retention.apply(self.away.store, keep, moment(now), self.rows)
        retention.apply(self.plain.store, keep, moment(now))

    def look(self, processes: list[LiveData], now: int, made: random.Random) -> None:
        """All of them say what one says that has everything in memory and has never been asked before."""
        length = made.choice([HOUR, 24 * HOUR, 200 * HOUR])
        settle, known = made.choice([0, HOUR]), made.choice([now, now, now - 5 * HOUR, 2**62])
        asked = (now - settle - length, now - settle, known)
        with self.plain.store.read() as session:
            fresh = self.plain.process(files=False)
            fresh.refresh(session, moment(now))
            expected = answers(fresh, session, asked, now)
        with self.away.store.read() as session:
            for process in processes:
                process.refresh(session, moment(now))
                found = answers(process, session, asked, now)
                assert {key: (value, expected[key]) for key, value in found.items() if value != expected[key]} == {}
