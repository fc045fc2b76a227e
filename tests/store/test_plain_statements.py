"""Statements that go to SQLite's driver by themselves say and do what SQLAlchemy would."""

import sqlite3
from datetime import timedelta

import pytest
from sqlalchemy import bindparam, event, func, select, update
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError

from bridge.store import duplicate_events, plain_statements
from bridge.store.halts import Halt
from bridge.store.journal import Event, EventState
from bridge.store.row_inserts import insert_numbered


@pytest.fixture
def events(store, now):
    names = [f"e{number}" for number in range(7)]
    with store.write() as session:
        rows = [
            {
                "id": name, "source": "crm", "dedupe_key": name, "method": "POST", "body": name.encode(),
                "received_at": now + timedelta(microseconds=number), "headers": {"a": [number, 1.5]},
                "state": EventState.DONE if number % 2 else EventState.RECEIVED,
            }
            for number, name in enumerate(names)
        ]  # fmt: skip
        duplicate_events.record(session, rows)
    return names


OF_IDS = (
    select(Event)
    .where(Event.id.in_(bindparam("ids", expanding=True)), Event.state.in_([EventState.DONE, EventState.RECEIVED]))
    .order_by(Event.id)
)
OF_COLUMNS = select(Event.id, Event.received_at, Event.headers).where(OF_IDS.whereclause).order_by(Event.id)
NOT_OF_IDS = select(Event.id).where(Event.id.not_in(bindparam("ids", expanding=True))).order_by(Event.id)


@pytest.mark.parametrize("count", range(8))
def test_lists_of_any_length_find_what_sqlalchemy_finds(store, events, count):
    wanted = {"ids": events[:count]}
    with store.read() as session:
        for statement in (OF_COLUMNS, NOT_OF_IDS):
            assert plain_statements.rows(session, statement, wanted) == [
                tuple(row) for row in session.execute(statement, wanted)
            ]


def test_a_snapshot_has_every_attribute_of_the_model_and_no_session(store, events):
    with store.read() as session:
        whole = session.scalars(OF_IDS, {"ids": events}).all()
        found = plain_statements.snapshots(session, Event, OF_IDS, {"ids": events})
        names = [one.key for one in Event.__mapper__.column_attrs]
        assert [[getattr(one, name) for name in names] for one in found] == [
            [getattr(one, name) for name in names] for one in whole
        ]
        found[0].state = "changed"
    with store.read() as session:
        assert session.get(Event, found[0].id).state == EventState.RECEIVED


def test_a_statement_that_returns_its_rows_changes_them(store, events, now):
    taken = (
        update(Event)
        .where(Event.id == bindparam("this"))
        .values(finished_at=bindparam("at"), attempts=Event.attempts + 1)
    ).returning(Event)
    with store.write() as session:
        [made] = plain_statements.snapshots(session, Event, taken, {"this": "e3", "at": now})
    assert (made.id, made.finished_at, made.attempts) == ("e3", now, 1)
    with store.read() as session:
        assert session.get(Event, "e3").finished_at == now


def test_how_many_rows_were_changed_is_told(store, events):
    done = update(Event).where(Event.state == EventState.RECEIVED).values(state=EventState.DONE)
    with store.write() as session:
        assert plain_statements.run(session, done, {}) == 4
        assert plain_statements.run(session, done, {}) == 0


def test_one_statement_runs_for_each_of_several(store, events):
    told = update(Event).where(Event.id == bindparam("this")).values(faults=bindparam("say"))
    with store.write() as session:
        plain_statements.run_for_each(session, told, [{"this": name, "say": [name, None]} for name in events[:3]])
        plain_statements.run_for_each(session, told, [])
    with store.read() as session:
        assert [one.faults for one in session.scalars(OF_IDS, {"ids": events[:4]})] == [
            ["e0", None], ["e1", None], ["e2", None], [],
        ]  # fmt: skip


def test_a_value_that_is_missing_is_no_null(store, events):
    with store.read() as session, pytest.raises((KeyError, StatementError), match="ids"):
        plain_statements.rows(session, OF_IDS, {"id": events})


def test_what_a_session_has_yet_to_write_is_written_first(store, now):
    with store.write() as session:
        session.add(Halt(since=now, by="ann", why="a test"))
        assert plain_statements.scalar(session, select(func.count()).select_from(Halt), {}) == 1
    with store.read() as session:
        assert plain_statements.scalar(session, select(Halt.why).where(Halt.by == "bob"), {}) is None


def test_the_drivers_errors_are_sqlalchemys(store, events, now):
    add = update(Event).where(Event.id == bindparam("this")).values(source=None)
    with pytest.raises(IntegrityError), store.write() as session:
        plain_statements.run(session, add, {"this": "e1"})
    if store.engine.dialect.name == "sqlite":
        gone = select(Event.id).where(func.no_such_function(Event.id))
        with store.read() as session, pytest.raises(OperationalError) as raised:
            plain_statements.rows(session, gone, {})
        assert isinstance(raised.value.orig, sqlite3.OperationalError)


def test_a_change_that_was_not_committed_is_rolled_back(store, events):
    done = update(Event).values(state=EventState.DEAD)

    def break_off():
        with store.write() as session:
            assert plain_statements.run(session, done, {}) == 7
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        break_off()
    with store.read() as session:
        assert EventState.DEAD not in plain_statements.scalars(session, select(Event.state), {})


def test_who_listens_to_an_engine_hears_of_every_statement(store, events):
    heard = []

    def hear(_connection, _cursor, text, *_):
        heard.append(text)

    event.listen(store.engine, "before_cursor_execute", hear)
    try:
        with store.read() as session:
            plain_statements.rows(session, NOT_OF_IDS, {"ids": events})
    finally:
        event.remove(store.engine, "before_cursor_execute", hear)
    assert any("FROM events" in text for text in heard)


def test_numbers_come_in_the_order_of_the_rows(store, now):
    rows = [{"since": now, "by": name, "why": "a test", "scope": "rule", "name": name} for name in "cab"]
    with store.write() as session:
        numbers = insert_numbered(session, Halt, rows, told_by=("name",))
        assert insert_numbered(session, Halt, []) == []
    with store.read() as session:
        assert [session.get(Halt, number).name for number in numbers] == ["c", "a", "b"]
        assert len(set(numbers)) == 3
