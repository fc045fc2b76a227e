"""Partitions by month on PostgreSQL: every row has a place, what was unique is unique, and months go as a whole."""

from datetime import UTC, datetime, timedelta

import pytest
from effect_books import Books
from network import Network
from sqlalchemy import delete, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from bridge.operations import health_checks
from bridge.operations.doctor import examine
from bridge.operations.retention import apply_retention
from bridge.store import migrate, partitions
from bridge.store.engine import Store, make_engine
from bridge.store.ledger import Call, Effect, EffectCall
from bridge.store.runs import Run, StoredVerdict

pytestmark = pytest.mark.postgres
NOW = datetime(2027, 3, 15, 12, tzinfo=UTC)


@pytest.fixture
def address(postgres):
    return postgres()


@pytest.fixture
def ledger(address):
    made = Store(make_engine(address))
    yield Books(made, datetime.now(UTC))
    made.close()


def write(store, at, number=1):
    """A run with a verdict, and a call for an effect, at a moment; the call's number."""
    books = Books(store, at)
    books.effect(target=f"{number}", state="applied", due_at=None, ended_at=at)
    with store.write() as session:
        effect = session.scalars(select(Effect).order_by(Effect.id.desc())).first()
        run = session.scalars(select(Run).order_by(Run.id.desc())).first()
        call = Call(account="main", operation="offers.set_status", targets=1, started_at=at, outcome="ok")
        session.add_all([call, verdict(run.id)])
        session.flush()
        session.add(EffectCall(effect_id=effect.id, call_id=call.id))
        return call.id


def verdict(run, subject="offer=1"):
    return StoredVerdict(run_id=run, subject=subject, answer=1, why="yes", reason="because", trace={})


def prepared(store, now):
    with store.engine.begin() as connection:
        return partitions.prepare(connection, now)


def names(store, table="calls"):
    with store.engine.connect() as connection:
        return [one.end for one in partitions.partitions(connection, table)]


def place(store, table, column, value):
    with store.engine.connect() as connection:
        return connection.scalar(text(f"SELECT tableoid::regclass::text FROM {table} WHERE {column} = {value}"))


def test_a_migrated_database_has_this_month_and_those_ahead(ledger):
    [month, *ahead] = names(ledger.store)[1:]
    with ledger.store.engine.connect() as connection:
        assert month == connection.scalar(text("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')"))
    assert len(ahead) == 3
    assert ahead[-1] == "later"


def test_rows_of_a_new_month_lie_in_its_partition_and_months_are_made_ahead(ledger):
    store = ledger.store
    before = write(store, NOW)
    months = ("202703", "202704", "202705")
    assert prepared(store, NOW) == [
        f"{one}_{month}" for one in ("verdicts", "calls", "effect_calls") for month in months
    ]
    after = write(store, NOW, 2)
    assert (place(store, "calls", "id", before) == "calls_202703", place(store, "calls", "id", after)) == (
        False,
        "calls_202703",
    )
    assert place(store, "effect_calls", "call_id", after) == "effect_calls_202703"
    assert prepared(store, NOW) == []
    assert len(prepared(store, NOW + timedelta(days=31))) == 3
    assert place(store, "calls", "id", write(store, NOW, 3)) == "calls_202704"
    assert migrate.drift(store.engine) == []


def test_a_clock_that_goes_back_makes_nothing_and_loses_nothing(ledger):
    store = ledger.store
    prepared(store, NOW)
    number = write(store, NOW)
    assert prepared(store, NOW - timedelta(days=400)) == []
    assert write(store, NOW, 2) == number + 1


def test_a_number_that_no_month_was_made_for_has_a_place_and_is_said(ledger):
    store = ledger.store
    beyond = 10_000 * partitions.BLOCK
    with store.write() as session:
        session.add(Call(id=beyond, account="main", operation="o", targets=1, started_at=NOW))
    assert place(store, "calls", "id", beyond) == "calls_later"
    assert prepared(store, NOW) == [f"verdicts_{month}" for month in ("202703", "202704", "202705")]
    with store.engine.connect() as connection:
        assert [one.table for one in partitions.states(connection) if one.beyond] == ["calls"]


def test_numbers_are_unique_over_all_months_and_references_hold(ledger):
    store = ledger.store
    first = write(store, NOW)
    prepared(store, NOW)
    with pytest.raises(IntegrityError), store.write() as session:
        session.add(Call(id=first, account="main", operation="o", targets=1, started_at=NOW))
    with pytest.raises(IntegrityError), store.write() as session:
        session.add(EffectCall(effect_id=1, call_id=first + 1000))
    with pytest.raises(IntegrityError), store.write() as session:
        session.add(verdict(10_000))
    with store.write() as session:
        session.execute(delete(Run))
    with store.read() as session:
        assert [session.scalars(select(table)).all() for table in (StoredVerdict, Effect, EffectCall)] == [[], [], []]
        assert len(session.scalars(select(Call)).all()) == 1


def dropped(store, table, before):
    with store.engine.begin() as connection:
        return partitions.drop(connection, table, before)


def test_a_month_goes_when_all_of_it_has_had_its_time_and_no_sooner(ledger):
    store = ledger.store
    early = write(store, NOW - timedelta(days=60))
    prepared(store, NOW)
    old = write(store, NOW, 2)
    late = write(store, datetime(2027, 4, 1, 0, 30, tzinfo=UTC), 3)  # before anybody made numbers jump
    prepared(store, datetime(2027, 4, 2, tzinfo=UTC))
    new = write(store, datetime(2027, 4, 2, tzinfo=UTC), 4)
    assert dropped(store, "calls", datetime(2027, 4, 1, 0, 30, tzinfo=UTC)) == [
        f"{table}_{month}" for month in names_before(store) for table in ("effect_calls", "calls")
    ]
    gone = dropped(store, "calls", datetime(2027, 4, 1, 1, tzinfo=UTC))
    assert gone == ["effect_calls_202703", "calls_202703"]
    with store.read() as session:
        left = session.scalars(select(Call.id)).all()
        links = session.scalars(select(EffectCall.call_id)).all()
        assert (left, links) == ([new], [new])
        assert len(session.scalars(select(Effect)).all()) == 4
        assert partitions.oldest_month(session, "calls") == datetime(2027, 4, 1, tzinfo=UTC)
    assert early < old < late < new
    assert migrate.drift(store.engine) == []


def names_before(store):
    """What came before March 2027, as far as the migration of this test's database made it."""
    return ["first", *(one for one in names(store, "verdicts") if one.isdigit() and one < "202703")]


def test_verdicts_go_with_the_month_of_their_runs(ledger):
    store = ledger.store
    prepared(store, NOW)
    write(store, NOW)
    prepared(store, NOW + timedelta(days=31))
    write(store, NOW + timedelta(days=31), 2)
    assert "verdicts_202703" in dropped(store, "verdicts", NOW + timedelta(days=30))
    with store.read() as session:
        assert len(session.scalars(select(StoredVerdict)).all()) == 1
        assert len(session.scalars(select(Run)).all()) == 3  # one is of the test's own beginning


def test_a_table_that_is_read_for_long_keeps_nobody_waiting(ledger):
    """The next round does it."""
    store = ledger.store
    with store.engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM calls"))
        with pytest.raises(OperationalError) as error:
            prepared(store, NOW)
    assert error.value.orig.sqlstate == partitions.TABLE_IN_USE
    assert len(prepared(store, NOW)) == 9


def test_an_upgrade_that_is_broken_off_has_changed_nothing_and_begins_again(ledger, address):
    store = ledger.store
    with store.engine.begin() as connection:
        migrate.command.downgrade(migrate.config(connection), "0009")
    number = write(store, NOW)
    with store.engine.connect() as reader:  # whoever holds the table makes the upgrade end
        reader.execute(text("SELECT count(*) FROM verdicts"))
        engine = make_engine(f"{address}{'&' if '?' in address else '?'}options=-c%20lock_timeout%3D500")
        with pytest.raises(OperationalError):
            migrate.upgrade(engine)
        engine.dispose()
    with store.engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "0009"
        assert partitions.partitions(connection, "calls") == []
    migrate.upgrade(store.engine)
    assert place(store, "calls", "id", number) == "calls_first"
    assert write(store, NOW, 2) == number + 1
    assert migrate.drift(store.engine) == []


@pytest.fixture
def network(tmp_path, address, monkeypatch):
    made = Network(tmp_path / "home", address, NOW, monkeypatch)
    yield made
    made.close()


def test_the_retention_makes_months_and_drops_them_as_a_whole(network):
    services, month = network.services, datetime(2027, 3, 1, tzinfo=UTC)
    apply_retention(services, NOW)
    [check] = [one for one in examine(services, NOW, health=health_checks.checks) if one["name"] == "months"]
    assert (check["status"], "to 2027-05" in check["detail"]) == ("ok", True)
    for number, day in enumerate((15, 31), 1):
        write(services.store, month.replace(day=day), number)
    apply_retention(services, datetime(2027, 4, 1, 1, tzinfo=UTC))
    late = write(services.store, datetime(2027, 4, 1, 2, tzinfo=UTC), 3)
    apply_retention(services, datetime(2027, 6, 20, tzinfo=UTC))  # the 15th is 97 days ago, the 31st 81
    assert [one.started_at.day for one in network.all(Call)] == [15, 31, 1]
    apply_retention(services, datetime(2027, 6, 30, tzinfo=UTC))
    assert [one.id for one in network.all(Call)] == [late]
    with services.store.read() as session:
        assert session.scalars(select(EffectCall.call_id)).all() == [late]
    assert len(network.all(StoredVerdict)) == 3
    [check] = [
        one
        for one in examine(services, datetime(2027, 10, 1, tzinfo=UTC), health=health_checks.checks)
        if one["name"] == "months"
    ]
    assert (check["status"], "this month has none" in check["detail"]) == ("warn", True)


def test_on_sqlite_nothing_lies_by_months(sqlite_store):
    assert prepared(sqlite_store, NOW) == []
    assert dropped(sqlite_store, "calls", NOW) == []
    with sqlite_store.engine.connect() as connection:
        assert partitions.states(connection) == []
