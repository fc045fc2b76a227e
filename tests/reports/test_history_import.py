"""History from a file reaches back only as far as nothing in between is missing."""

from datetime import timedelta

import pytest

from bridge.reports.csv_import import import_file, import_rows
from bridge.sources.csv_file import CsvProblem
from bridge.store import feeds
from bridge.store.feeds import FeedKey, Kind
from tests.reports.test_polling import of_feed, row

KEY = FeedKey(kind=Kind.CONVERSIONS)


@pytest.fixture
def began(reader, world):
    """When the reports begin to be known: three days before the first reading."""
    reader.read(world.clock.now())
    return of_feed(reader, Kind.CONVERSIONS).since


def rows(start, end, step=timedelta(hours=1)):
    count = int((end - start) / step)
    return [row(number + 1, start + number * step) for number in range(count)]


def test_a_file_that_ends_before_the_reports_begin_does_not_make_the_days_between_look_empty(reader, began):
    found = import_rows(
        reader.store, KEY, rows(began - timedelta(days=9), began - timedelta(days=2)), now=began + timedelta(days=3)
    )
    assert found.new == 168
    assert found.apart is not None
    assert of_feed(reader, Kind.CONVERSIONS).since == began


def test_what_the_file_covers_can_be_said(reader, began):
    start = began - timedelta(days=7)
    quiet = rows(start, began - timedelta(days=2))
    found = import_rows(reader.store, KEY, quiet, now=began + timedelta(days=3), start=start, end=began)
    assert found.apart is None
    assert of_feed(reader, Kind.CONVERSIONS).since == start


def test_a_file_whose_rows_reach_into_the_reports_joins_them_and_no_mark_moves_back(reader, began):
    start = began - timedelta(days=7)
    as_of = of_feed(reader, Kind.CONVERSIONS).as_of
    found = import_rows(reader.store, KEY, rows(start, began + timedelta(hours=2)), now=began + timedelta(days=3))
    feed = of_feed(reader, Kind.CONVERSIONS)
    assert (found.apart, feed.since, feed.as_of) == (None, start, as_of)


def test_a_file_that_breaks_off_covers_nothing(sqlite_store, now, tmp_path):
    file = tmp_path / "cut.csv"
    whole = rows(now - timedelta(days=3), now)
    lines = [",".join(whole[0]), *(",".join(one.values()) for one in whole), '"cut']
    file.write_text("\n".join(lines))
    with pytest.raises(CsvProblem, match="line 74: not CSV: a quote that is never closed"):
        import_file(sqlite_store, KEY, file, now=now)
    with sqlite_store.write() as session:
        assert feeds.ensure(session, KEY).since is None


def test_no_file_covers_times_to_come(sqlite_store, now):
    import_rows(sqlite_store, KEY, rows(now - timedelta(days=1), now), now=now, end=now + timedelta(days=30))
    with sqlite_store.write() as session:
        assert feeds.ensure(session, KEY).as_of == now
