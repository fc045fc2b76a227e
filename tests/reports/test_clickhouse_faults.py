"""What may go wrong between the database and ClickHouse: nothing is lost, counted twice or taken for zero."""

import random
import threading
from contextlib import suppress
from datetime import timedelta

import clickhouse_server
import pytest
from observation_world import HOUR, T0, World, answers, facts, with_rows
from sqlalchemy import event, func, select

from bridge.config.clickhouse_address import parse
from bridge.reports import chunk_cache, clickhouse_client, clickhouse_moves, import_removal, retention
from bridge.reports.chunk_cache import ChunkCache, moment
from bridge.reports.clickhouse_client import ClickHouse
from bridge.reports.clickhouse_rows import TABLE, ClickHouseRows
from bridge.reports.csv_import import import_rows
from bridge.reports.report_rows import read
from bridge.reports.retention import Keep
from bridge.reports.windows import Edges
from bridge.store import observations
from bridge.store.feeds import Kind
from bridge.store.observations import UnusedBatch
from bridge.store.observations_away import ObservationsAway
from tests.reports.test_report_imports import KEY, exported, poll, polled, totals

pytestmark = pytest.mark.usefixtures("small_batches")
DAY = 24 * HOUR
KEEP = timedelta(days=800)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """After a failure the next question may be asked at once."""
    monkeypatch.setattr(clickhouse_client, "REST_SECONDS", 0.0)


@pytest.fixture
def world(sqlite_store, tmp_path, rows):
    """Forty clicks and forty conversions, yet in the database."""
    made = World(with_rows(sqlite_store, rows), tmp_path, "main")
    for number, kind in enumerate((Kind.CLICKS, Kind.CONVERSIONS)):
        made.write(kind, facts(random.Random(number), kind, T0, 40), T0)
    return made


def move(world, rows, now=T0):
    return clickhouse_moves.move(world.store, moment(now), to=rows)


def unused(world):
    with world.store.read() as session:
        return session.scalar(select(func.count()).select_from(UnusedBatch))


def there(clickhouse):
    return int(clickhouse.ask(f"SELECT count() FROM {TABLE}"))


def everything(world, process=None, now=T0):
    with world.store.read() as session:
        found = process or world.process()
        found.refresh(session, moment(now))
        return answers(found, session, (now - 300 * HOUR, now, now), now)


class DiesAfterTheInsert(ClickHouseRows):
    def write(self, *arguments):
        super().write(*arguments)
        raise KeyboardInterrupt


def test_rows_of_a_move_that_died_before_its_commit_are_not_counted_and_are_removed_a_day_later(
    world, rows, clickhouse
):
    before = everything(world)
    with pytest.raises(KeyboardInterrupt):
        move(world, DiesAfterTheInsert(rows.server, KEEP))
    assert (there(clickhouse), unused(world)) == (40, 1)
    assert everything(world) == before
    assert move(world, rows).facts == 80
    assert everything(world) == before
    assert there(clickhouse) == 120
    assert clickhouse_moves.sweep(world.store, rows, moment(T0) + timedelta(hours=23)) == 0
    assert clickhouse_moves.sweep(world.store, rows, moment(T0) + timedelta(hours=25)) == 1
    assert (there(clickhouse), unused(world)) == (80, 0)
    assert everything(world) == before


def test_an_insert_whose_answer_was_lost_is_not_counted_twice(world, rows, clickhouse):
    """The client repeats what it got no answer to, so the rows are there twice under one number."""
    before = everything(world)
    rows.make()
    clickhouse.break_("lose the answer of an insert")
    with pytest.raises(ObservationsAway, match="ClickHouse has 80 of the 40 rows"):
        move(world, rows)
    assert everything(world) == before
    assert move(world, rows).facts == 80
    assert everything(world) == before


def test_a_batch_that_was_given_up_while_it_was_written_is_not_used(world, rows, clickhouse):
    class IsSlow(ClickHouseRows):
        def write(self, *arguments):
            written = super().write(*arguments)
            clickhouse_moves.sweep(world.store, rows, moment(T0) + timedelta(days=2))
            return written

    before = everything(world)
    with pytest.raises(ObservationsAway, match="took too long"):
        move(world, IsSlow(rows.server, KEEP))
    assert (there(clickhouse), unused(world)) == (0, 0)
    assert everything(world) == before


def test_two_may_move_at_the_same_time(world, rows, clickhouse):
    for minute in range(6):
        world.write(Kind.CLICKS, facts(random.Random(minute), Kind.CLICKS, T0 + minute, 9), T0 + minute)
    before, failed = everything(world), []

    def work():
        mine = ClickHouseRows(ClickHouse(parse(clickhouse.url)), KEEP)
        try:
            clickhouse_moves.move(world.store, moment(T0), to=mine)
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)
        finally:
            mine.server.close()

    rows.make()
    both = [threading.Thread(target=work) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert failed == []
    with world.store.read() as session:
        [place] = observations.places(session)
    assert (place.in_clickhouse, place.facts) == (True, 134)
    assert everything(world) == before
    clickhouse_moves.sweep(world.store, rows, moment(T0) + timedelta(days=2))
    assert there(clickhouse) == 134


def test_while_clickhouse_is_away_nothing_is_answered_and_afterwards_everything_is_right(world, rows, clickhouse):
    move(world, rows)
    process = world.process()
    expected = everything(world, process, T0 + 60)
    for fault in ("fail", "hang up"):
        clickhouse.break_(fault)
        with world.store.read() as session:
            with pytest.raises(ObservationsAway):
                world.process().refresh(session, moment(T0 + 60))
            with pytest.raises(ObservationsAway):  # its sums would have to move by days
                process.totals(
                    session, Kind.CLICKS, "clicks", ("offer",), Edges(T0 - 600 * HOUR, T0 - 30 * HOUR, T0 + 99)
                )
        clickhouse.break_("")
        assert everything(world, process, T0 + 60) == expected


def test_a_look_that_failed_leaves_no_zeros_behind(world, rows, clickhouse):
    """A window over nothing would say 0 clicks, and a rule would believe it."""
    before = everything(world)
    move(world, rows)
    clickhouse.break_("fail")
    process = world.process()
    with world.store.read() as session:
        with pytest.raises(ObservationsAway):
            process.refresh(session, moment(T0))
        for question in (
            lambda: process.totals(session, Kind.CLICKS, "clicks", ("offer",), Edges(T0 - DAY, T0, T0)),
            lambda: process.windows.counts(("offer",), T0 - DAY, T0),
            lambda: process.windows.arrivals(T0, T0 - DAY),
            lambda: process.windows.last_seen(Kind.CLICKS, T0),
        ):
            with pytest.raises(ObservationsAway):
                question()
    clickhouse.break_("")
    assert everything(world, process) == before


def test_rows_that_vanished_are_noticed_and_not_taken_for_zero(world, rows, clickhouse):
    move(world, rows)
    clickhouse.ask(f"DELETE FROM {TABLE} WHERE place = 3")
    with (
        world.store.read() as session,
        pytest.raises(ObservationsAway, match="1 rows of main/default/clicks are missing"),
    ):
        world.process().refresh(session, moment(T0))


def test_without_the_address_nothing_is_answered(world, rows, sqlite_store, tmp_path):
    move(world, rows)
    with sqlite_store.read() as session, pytest.raises(ObservationsAway, match="OBSERVATIONS_URL is not set"):
        World(sqlite_store, tmp_path / "other", "main").process().refresh(session, moment(T0))


@pytest.mark.parametrize("wrong", ["password", "user"])
def test_a_wrong_login_is_told_without_the_password(clickhouse, wrong):
    url = (
        clickhouse.url.replace("tests@", "production@")
        if wrong == "password"
        else clickhouse.url.replace("bridge:", "x:")
    )
    server = ClickHouse(parse(url))
    with pytest.raises(ObservationsAway) as told:
        server.columns("SELECT 1")
    words = f"{told.value!r} {told.value.__cause__!r} {server.address!r}"
    assert "Authentication failed" in words
    assert clickhouse_server.PASSWORD.split()[1] not in words
    server.close()


def test_a_chunk_of_many_blocks_arrives_as_a_whole(world, rows, clickhouse):
    world.write(Kind.CLICKS, facts(random.Random(3), Kind.CLICKS, T0, 70_000), T0)
    assert move(world, rows).facts == there(clickhouse) == 70_080
    with world.store.read() as session:
        for info in observations.overlapping(session, [1, 2]):
            [facts_read] = chunk_cache.unpacked(session, [info]).values()
            assert len(facts_read) == info.count


# --- rows that come again --------------------------------------------------------------------------


def moved(store, rows, now):
    found = clickhouse_moves.move(store, now, to=rows)
    assert found.facts == found.of > 0


def test_what_lies_in_clickhouse_is_known_to_readers_and_imports(sqlite_store, rows, now):
    store = with_rows(sqlite_store, rows)
    told = [polled(number, now) for number in range(40)]
    poll(store, told, now)
    moved(store, rows, now)
    assert poll(store, told, now).new == 0
    assert import_rows(store, KEY, exported(told), now=now).new == 0
    rejected = [{**one, "status": "Rejected"} for one in told[:5]]
    assert poll(store, rejected, now + timedelta(hours=1)).changed == 5
    assert totals(store, "approved") == {"0": 17, "1": 18}
    assert totals(store, "approved", known=now) == {"0": 20, "1": 20}


def test_rows_go_there_and_come_back_on_either_database(store, rows, now):
    store, told = with_rows(store, rows), [polled(number, now) for number in range(60)]
    poll(store, told[:30], now)
    poll(store, told[30:], now + timedelta(minutes=1))
    before = totals(store, "payout")
    retention.apply(store, Keep(), now + timedelta(hours=2), rows)
    with store.read() as session:
        assert [place.in_clickhouse for place in observations.places(session)] == [True]
    assert totals(store, "payout") == before
    assert clickhouse_moves.move(store, now, to=None).facts == 60
    assert clickhouse_moves.sweep(store, rows, now + timedelta(days=3)) == 1
    assert totals(store, "payout") == before == {"0": 45_000_000, "1": 45_000_000}


@pytest.mark.parametrize("step", ["move", "sum up"])
def test_an_import_is_taken_out_of_clickhouse_as_well(sqlite_store, plain_store, rows, now, step):
    store, told = with_rows(sqlite_store, rows), [polled(number, now) for number in range(60)]
    later = now + timedelta(days=120)
    for one, its in ((store, rows), (plain_store, None)):
        poll(one, told[:20], now)
        found = import_rows(one, KEY, exported(told[10:]), now=now)
        if step == "sum up":
            retention.apply(one, Keep(rows=timedelta(days=7)), later, its)
        elif its is not None:
            moved(one, its, now)
        import_removal.remove(one, found.id, by="ann", now=later)
    for known in (None, now, later):
        assert totals(store, known=known) == totals(plain_store, known=known)
    assert totals(store) == {"0": 10, "1": 10}


def test_rows_of_hours_of_which_only_sums_are_left_are_not_counted_again(sqlite_store, rows, now):
    store, told = with_rows(sqlite_store, rows), [polled(number, now) for number in range(60)]
    poll(store, told, now)
    retention.apply(store, Keep(rows=timedelta(days=7)), now + timedelta(days=120), rows)
    found = import_rows(store, KEY, exported(told), now=now)
    assert (found.new, found.summed) == (0, 60)


def test_nobody_waits_for_clickhouse_while_the_database_is_written(sqlite_store, rows, now):
    """SQLite has one writer: webhooks would wait for a server elsewhere."""
    store, told, asked = with_rows(sqlite_store, rows), [polled(number, now) for number in range(60)], []
    import_rows(store, KEY, exported(told[30:]), now=now)
    poll(store, told[:30], now)
    moved(store, rows, now)
    writing = set()

    def begin(connection):
        if connection.get_execution_options().get("writing"):
            writing.add(id(connection))

    event.listen(store.engine, "begin", begin)
    for end in ("commit", "rollback"):
        event.listen(store.engine, end, lambda one: writing.discard(id(one)))
    ask = rows.server.blocks

    def watched(query):
        asked.append(bool(writing))
        return ask(query)

    rows.server.blocks = watched
    cache = ChunkCache()
    chunk_cache.fetch_ahead(store, cache, KEY, read_again(told, now))
    with store.write() as session:
        [feed] = {one.feed_id for one in observations.overlapping(session, [1, 2])}
        chunk_cache.record(session, cache, feed, read_again(told, now), now)
    import_rows(store, KEY, exported(told), now=now)
    import_removal.remove(store, 1, by="ann", now=now)
    assert asked
    assert not any(asked)


def read_again(told, now):
    return read(Kind.CONVERSIONS, told, now).batch


# --- how long rows stay ----------------------------------------------------------------------------


def test_the_database_forgets_a_chunk_before_clickhouse_lets_its_rows_go(world, rows, clickhouse):
    move(world, rows)
    last = int(clickhouse.ask(f"SELECT max(event) FROM {TABLE}"))
    assert {int(one) for one in clickhouse.ask(f"SELECT DISTINCT expires FROM {TABLE}").split()} == {
        int(clickhouse.ask(f"SELECT max(event) FROM {TABLE} WHERE kind = '{kind}'")) + 807 * DAY
        for kind in ("clicks", "conversions")
    }
    retention.apply(world.store, Keep(anything=KEEP), moment(last) + KEEP + timedelta(minutes=1), rows)
    with world.store.read() as session:
        assert observations.places(session) == []
    assert unused(world) == 2


def test_rows_that_are_too_old_never_reach_clickhouse(world, rows, clickhouse):
    """There they would be gone in moments, while the database still counted on them."""
    rows.make()
    late = moment(T0) + KEEP + timedelta(days=1)
    retention.apply(world.store, Keep(anything=KEEP), late, rows)
    assert there(clickhouse) == 0


def test_rows_that_clickhouse_let_go_are_noticed(world, rows):
    """It does so by its own clock: these happened a year ago and more, and were to be kept for a day."""
    old = [at - 400 * DAY for at in (T0, T0 + 60)]
    for at in old:
        world.write(Kind.IMPRESSIONS, facts(random.Random(at), Kind.IMPRESSIONS, at, 9), T0)
    brief = ClickHouseRows(rows.server, timedelta(days=1))
    with suppress(ObservationsAway):  # where they are gone before they are counted
        move(world, brief)
    rows.server.command(f"OPTIMIZE TABLE {TABLE} FINAL")
    with world.store.read() as session:
        moved_there = observations.some_in_clickhouse(session)
        if moved_there:
            with pytest.raises(ObservationsAway, match="are missing in ClickHouse"):
                world.process().refresh(session, moment(T0), moment(old[0] - DAY))
        else:
            world.process().refresh(session, moment(T0), moment(old[0] - DAY))


def test_a_longer_retention_reaches_rows_that_are_there_already(world, rows, clickhouse):
    move(world, rows)
    before = everything(world)
    longer = ClickHouseRows(rows.server, KEEP + timedelta(days=100))
    assert clickhouse_moves.keep_longer(world.store, longer) == 2
    assert clickhouse_moves.keep_longer(world.store, longer) == 0
    assert clickhouse_moves.keep_longer(world.store, rows) == 0
    clicks = int(clickhouse.ask(f"SELECT max(event) FROM {TABLE} WHERE kind = 'clicks'"))
    assert int(clickhouse.ask(f"SELECT max(expires) FROM {TABLE} WHERE kind = 'clicks'")) == clicks + 907 * DAY
    assert everything(world) == before


def test_a_move_goes_on_where_it_broke_off_and_comes_back(world, rows, clickhouse):
    before, told = everything(world), []

    def progress(so_far):
        told.append(so_far.facts)
        if told == [0, 40]:
            clickhouse.break_("fail")

    with pytest.raises(ObservationsAway):
        clickhouse_moves.move(world.store, moment(T0), to=rows, progress=progress)
    clickhouse.break_("")
    assert told == [0, 40]
    assert clickhouse_moves.move(world.store, moment(T0), to=rows, progress=progress).facts == 80
    assert told == [0, 40, 40, 80]
    assert everything(world) == before
    assert clickhouse_moves.move(world.store, moment(T0), to=None).facts == 80
    with world.store.read() as session:
        assert [place.in_clickhouse for place in observations.places(session)] == [False]
    assert everything(world) == before
