"""Looking for effects when there are none disturbs nobody."""

from bridge.effects.claims import claim_batch
from bridge.store.engine import Store, make_engine


def test_where_nothing_is_due_no_turn_to_write_is_asked_for(sqlite_store, sqlite_url, now):
    impatient = Store(make_engine(sqlite_url, busy_seconds=0.05))
    with sqlite_store.write() as session:
        session.connection()  # somebody else writes meanwhile
        assert claim_batch(impatient, now) == []
    impatient.close()


def test_where_nothing_is_due_nobody_is_asked_whether_integr8_answers(sqlite_store, now):
    asked = []
    assert claim_batch(sqlite_store, now, away=lambda: asked.append("Integr8") or []) == []
    assert asked == []
