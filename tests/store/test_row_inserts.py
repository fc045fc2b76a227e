"""Plain rows are inserted by the names that the model has; a name that it lacks is an error and no lost value."""

import pytest

from bridge.store.row_inserts import insert_rows
from bridge.store.runs import StoredStreak

ROW = {"rule_id": "low-cr", "subject": "offer=7", "since": None}


def test_an_attribute_whose_column_keeps_an_older_name_is_written(store, now):
    with store.write() as session:
        insert_rows(session, StoredStreak, [{**ROW, "evaluations": 3, "counted_at": now}])
    with store.read() as session:
        assert session.get_one(StoredStreak, ("low-cr", "offer=7")).evaluations == 3


def test_a_name_that_the_model_lacks_is_refused(store, now):
    with pytest.raises(KeyError, match="looks"), store.write() as session:
        insert_rows(session, StoredStreak, [{**ROW, "looks": 3, "counted_at": now}])


@pytest.mark.parametrize("other", [{"note": 1}, {"evaluations": None}])
def test_a_row_with_other_names_than_the_first_is_refused(store, now, other):
    first = {**ROW, "evaluations": 3, "counted_at": now}
    second = {name: value for name, value in (first | other | {"subject": "offer=8"}).items() if value is not None}
    with pytest.raises((KeyError, ValueError)), store.write() as session:
        insert_rows(session, StoredStreak, [first | {"since": now}, second | {"since": now}])
