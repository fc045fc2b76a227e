"""Facts in files say what facts in memory say, whatever is written, merged, damaged or begun again in between."""

import os
import random
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from observation_world import DIMENSIONS, HOUR, T0, World, answers, facts, write
from sqlalchemy import delete

from bridge.reports import live_observations, retention, saved_sums, segment_directory, stored_segments
from bridge.reports.chunk_cache import moment
from bridge.reports.fact_batch import Batch
from bridge.reports.live_observations import LiveData
from bridge.reports.retention import Keep
from bridge.reports.windows import SEEN_EVER, Edges, Windows
from bridge.store import free_space, observations
from bridge.store.feeds import Feed, Kind
from bridge.store.observations import Chunk


@pytest.fixture(autouse=True)
def small(monkeypatch, small_files):
    """Files of a few rows and blocks of fewer, so that every edge lies somewhere inside."""
    monkeypatch.setattr(stored_segments, "AT_ONCE", 2)
    monkeypatch.setattr(stored_segments, "MAX_ROWS_KEPT", 20)
    monkeypatch.setattr(retention, "MERGE_FROM", 3)
    monkeypatch.setattr(live_observations, "KEPT_FOR", timedelta(0))


def spoil(made: random.Random, files: list[Path]) -> None:
    """What a disk, a person or a crash does to a file."""
    path = made.choice(files) if files else None
    data = path.read_bytes() if path else b""
    if path is None or not data:
        return
    how = made.choice(["cut", "flip", "gone", "empty", "foreign"])
    if how == "gone":
        path.unlink()
    elif how == "flip":
        at = made.randrange(len(data))
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << made.randrange(8)]) + data[at + 1 :])
    else:
        path.write_bytes({"cut": data[: made.randrange(len(data))], "empty": b"", "foreign": b"IBS1" + bytes(60)}[how])


STEPS = (
    "write", "write", "write", "merge", "look", "look", "spoil", "restart", "restart", "sum up", "sweep", "keep",
    "keep", "spoil the sums",
)  # fmt: skip
numbered = iter(range(10**9))


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(st.sampled_from(STEPS), min_size=4, max_size=14), seed=st.integers(0, 2**32))
@example(steps=["write", "look", "write", "write", "merge", "look", "spoil", "look", "restart", "look"], seed=1)
@example(steps=["write", "look", "keep", "restart", "look", "write", "merge", "restart", "look", "restart"], seed=3)
@example(steps=["write", "look", "keep", "write", "merge", "write", "write", "write", "merge", "restart"], seed=4)
@example(steps=["write", "look", "keep", "sum up", "restart", "look", "keep", "spoil", "restart"], seed=5)
@example(steps=["write", "look", "keep", "spoil the sums", "restart", "look"], seed=6)
@example(steps=["write"] * 6 + ["look", "merge", "look", "sum up", "look", "sweep", "look"], seed=2)
def test_files_and_memory_say_the_same(sqlite_store, tmp_path, steps, seed):
    made = random.Random(seed)
    with sqlite_store.write() as session:
        session.execute(delete(Chunk))  # so that numbers are given again as well
        session.execute(delete(Feed))
    world = World(sqlite_store, tmp_path, f"a{next(numbered)}")
    processes, now = [world.process(), world.process()], T0
    for step in [*steps, "look"]:
        now += made.choice([60, 900, 9 * HOUR])
        match step:
            case "write":
                now = write(world, made, now)
            case "merge":
                retention.apply(sqlite_store, Keep(), moment(now))
            case "sum up":
                retention.apply(sqlite_store, Keep(rows=timedelta(days=7)), moment(now + 100 * HOUR))
            case "spoil" | "spoil the sums":
                spoil(made, world.files() if step == "spoil" else list(world.sums.parent.glob("sums")))
            case "keep":
                made.choice(processes).keep_sums(moment(now))
            case "restart":
                processes[made.randrange(2)] = world.process()
            case "sweep":  # comes in another round than the merge
                look(world, processes, now, made)
                with sqlite_store.read() as session:
                    segment_directory.sweep(tmp_path, observations.ids(session), now)
        if step in {"look", "spoil", "sum up"}:
            look(world, processes, now, made)
    assert {stat.S_IMODE(path.stat().st_mode) for path in world.files()} <= {0o600}


def look(world: World, processes: list[LiveData], now: int, made: random.Random) -> None:
    """All of them must say what one says that has everything in memory and has never been asked before."""
    length = made.choice([HOUR, 24 * HOUR, 200 * HOUR])
    settle = made.choice([0, HOUR])
    known = made.choice([now, now, now - 5 * HOUR, SEEN_EVER])
    asked = (now - settle - length, now - settle, known)
    with world.store.read() as session:
        fresh = world.process(files=False)
        fresh.refresh(session, moment(now))
        expected = answers(fresh, session, asked, now)
        for process in processes:
            process.refresh(session, moment(now))
            found = answers(process, session, asked, now)
            assert {key: value for key, value in found.items() if value != expected[key]} == {}


@pytest.fixture
def world(sqlite_store, tmp_path) -> World:
    return World(sqlite_store, tmp_path / "observations", "main")


def clicks(seen: int, size: int = 40) -> Batch:
    return facts(random.Random(seen), Kind.CLICKS, seen, size)


def total(process: LiveData, session, now: int) -> int:
    edges = Edges(now - 200 * HOUR, now, now)
    return int(process.totals(session, Kind.CLICKS, "clicks", ("offer",), edges).sum())


def test_a_large_chunk_takes_no_memory_and_a_small_one_no_file(world):
    world.write(Kind.CLICKS, clicks(T0), T0)
    world.write(Kind.CLICKS, clicks(T0 + 60, 3), T0 + 60)
    process = world.process()
    with world.store.read() as session:
        process.refresh(session, moment(T0 + 60))
    assert process.windows.held() == 3
    assert [path.suffix for path in world.files()] == [".rows"]
    [file] = world.files()
    assert {stat.S_IMODE(path.stat().st_mode) for path in file.parents[:4]} == {0o700}


def test_where_no_file_can_be_written_the_facts_are_in_memory(world, monkeypatch):
    monkeypatch.setattr(free_space, "LITTLE", 1 << 62)
    world.write(Kind.CLICKS, clicks(T0), T0)
    process = world.process()
    with world.store.read() as session:
        process.refresh(session, moment(T0))
        assert total(process, session, T0) == int(clicks(T0).weight.sum())
    assert process.windows.held() == 40
    assert world.files() == []


def test_a_file_that_was_damaged_since_the_start_is_made_anew_when_it_is_asked(world):
    world.write(Kind.CLICKS, clicks(T0), T0)
    process = world.process()
    with world.store.read() as session:
        process.refresh(session, moment(T0))
        [file] = world.files()
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
        assert total(process, session, T0) == int(clicks(T0).weight.sum())
    assert file.read_bytes() == whole


def test_a_chunk_that_took_the_number_of_another_one_gets_a_file_of_its_own(world):
    """A copy of the database that was put back gives the same numbers again."""
    world.write(Kind.CLICKS, clicks(T0), T0)
    with world.store.read() as session:
        world.process().refresh(session, moment(T0))
        [number] = observations.ids(session)
    with world.store.write() as session:
        observations.remove(session, [number], moment(T0))
    other = clicks(T0 + 60, 50)
    world.write(Kind.CLICKS, other, T0 + 60)
    process = world.process()
    with world.store.read() as session:
        assert observations.ids(session) == {number}
        process.refresh(session, moment(T0 + 60))
        assert total(process, session, T0 + 60) == int(other.weight.sum())


def counted(monkeypatch) -> list[object]:
    """What is summed from nothing from now on."""
    found: list[object] = []
    once = Windows.once
    monkeypatch.setattr(Windows, "once", lambda self, *asked: found.append(asked) or once(self, *asked))
    return found


def test_a_process_goes_on_with_the_sums_of_the_one_before(world, monkeypatch):
    world.write(Kind.CLICKS, clicks(T0), T0)
    process = world.process()
    with world.store.read() as session:
        process.refresh(session, moment(T0))
        assert total(process, session, T0) == int(clicks(T0).weight.sum())
    process.keep_sums(moment(T0))
    world.write(Kind.CLICKS, clicks(T0 + 60, 3), T0 + 60)
    found, after = counted(monkeypatch), world.process()
    with world.store.read() as session:
        after.refresh(session, moment(T0 + 60))
        assert total(after, session, T0 + 60) == int(clicks(T0).weight.sum() + clicks(T0 + 60, 3).weight.sum())
    assert found == []
    assert stat.S_IMODE(world.sums.stat().st_mode) == 0o600


def test_what_is_counted_after_the_sums_were_written_is_written_before_its_time(world, monkeypatch):
    """A first round that ends early counts a part; a start soon after it must not count the rest once more."""
    monkeypatch.setattr(live_observations, "KEPT_FOR", timedelta(hours=4))
    world.write(Kind.CLICKS, clicks(T0), T0)
    process = world.process()
    edges = Edges(T0 - 200 * HOUR, T0, T0)
    with world.store.read() as session:
        process.refresh(session, moment(T0))
        total(process, session, T0)
        process.keep_sums(moment(T0))
        process.totals(session, Kind.CLICKS, "clicks", ("publisher",), edges)
        process.keep_sums(moment(T0 + 60))
    found, after = counted(monkeypatch), world.process()
    with world.store.read() as session:
        after.refresh(session, moment(T0 + 60))
        total(after, session, T0)
        after.totals(session, Kind.CLICKS, "clicks", ("publisher",), edges)
        assert found == []
        after.totals(session, Kind.CLICKS, "clicks", ("advertiser",), edges)  # which nobody has asked before
    assert len(found) == 1


def test_sums_are_not_written_again_while_they_are_young(world, monkeypatch):
    monkeypatch.setattr(live_observations, "KEPT_FOR", timedelta(hours=4))
    world.write(Kind.CLICKS, clicks(T0), T0)
    first, second = world.process(), world.process()
    with world.store.read() as session:
        for process in (first, second):
            process.refresh(session, moment(T0))
            total(process, session, T0)
            process.keep_sums(moment(T0))
        written = world.sums.stat().st_mtime_ns
        for process in (first, second, world.process()):
            process.refresh(session, moment(T0 + 3 * HOUR))
            total(process, session, T0 + 3 * HOUR)
            process.keep_sums(moment(T0 + 3 * HOUR))
        assert world.sums.stat().st_mtime_ns == written
        first.keep_sums(moment(T0 + 5 * HOUR))
        assert world.sums.stat().st_mtime_ns > written
        written = world.sums.stat().st_mtime_ns
        second.keep_sums(moment(T0 + 5 * HOUR))  # the other one has just done it
    assert world.sums.stat().st_mtime_ns == written


@pytest.mark.parametrize("change", ["another chunk", "another version", "another dimension", "another name", "later"])
def test_sums_that_do_not_fit_are_counted_anew(world, monkeypatch, change):
    world.write(Kind.CLICKS, clicks(T0), T0)
    process = world.process()
    with world.store.read() as session:
        process.refresh(session, moment(T0))
        total(process, session, T0)
        [number] = observations.ids(session)
    process.keep_sums(moment(T0 + 60 if change == "later" else T0))
    expected, after = int(clicks(T0).weight.sum()), world.process()
    match change:
        case "another chunk":  # under the number of the first, as after an older copy of the database was put back
            with world.store.write() as session:
                observations.remove(session, [number], moment(T0))
            world.write(Kind.CLICKS, clicks(T0 + 1, 50), T0 + 1)
            expected = int(clicks(T0 + 1, 50).weight.sum())
        case "another version":
            monkeypatch.setattr(saved_sums, "VERSION", "99.0.0")
        case "another dimension":
            after.windows.dimensions = (*DIMENSIONS, "sub_id_3")
        case "another name":
            after.windows.subjects.learn_aliases({"offer": {"1": "2"}})
    found = counted(monkeypatch)
    with world.store.read() as session:
        after.refresh(session, moment(T0 + 1))
        assert total(after, session, T0 + 1) == expected
    assert len(found) == 1


def test_a_process_that_missed_two_merges_counts_nothing_twice(world):
    """Nothing says any more which of the chunks has what it had read."""
    world.write(Kind.CLICKS, clicks(T0), T0)
    process = world.process()
    with world.store.read() as session:
        process.refresh(session, moment(T0))
    for number in range(1, 7):
        world.write(Kind.CLICKS, clicks(T0 + number), T0 + number)
        if number % 3 == 0:
            retention.apply(world.store, Keep(), moment(T0 + number))
    with world.store.read() as session:
        process.refresh(session, moment(T0 + 6))
        fresh = world.process(files=False)
        fresh.refresh(session, moment(T0 + 6))
        assert total(process, session, T0 + 6) == total(fresh, session, T0 + 6) > 0


def test_files_of_chunks_that_were_merged_go_in_the_next_round(world):
    for minute in range(4):
        world.write(Kind.CLICKS, clicks(T0 + minute * 60), T0 + minute * 60)
    with world.store.read() as session:
        world.process().refresh(session, moment(T0 + 240))
    assert len(world.files()) == 4
    (world.files()[0].parent / "77.rows.123.part").write_bytes(b"half")
    os.utime(world.files()[0].parent / "77.rows.123.part", (T0, T0))
    retention.apply(world.store, Keep(), moment(T0 + 240))
    with world.store.read() as session:
        freed = segment_directory.sweep(world.directory, observations.ids(session), T0 + 2 * 86_400)
        world.process().refresh(session, moment(T0 + 240))
    assert freed > 0
    assert len(world.files()) == 1
