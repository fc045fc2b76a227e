"""A row is the same row whichever way it comes, and an import can be taken out again."""

import csv
from datetime import timedelta
from decimal import Decimal

import pytest

from bridge.reports import chunk_cache, import_removal
from bridge.reports.chunk_cache import ChunkCache
from bridge.reports.csv_import import import_file, import_rows, preview
from bridge.reports.import_removal import NoSuchImport
from bridge.reports.report_rows import read
from bridge.reports.retention import Keep, apply
from bridge.reports.windows import Edges, Windows
from bridge.sources.csv_file import CsvProblem
from bridge.store import feeds, observations
from bridge.store.feeds import FeedKey, Kind
from tests.reports.test_polling import of_feed

KEY = FeedKey(kind=Kind.CONVERSIONS)
HEADER = "transaction_id,conversion_time,click_time,offer_id,publisher_id,status,payout,revenue\n"


def polled(number, now, **more):
    """A conversion as a report lists it: its own id beside that of its click."""
    at = now - timedelta(minutes=number)
    return {
        "real_tx_id": f"01CONV{number:020d}",
        "transaction_id": f"01CLCK{number // 3:020d}",
        "conversion_time": f"{at:%Y-%m-%d %H:%M:%S}",
        "click_time": f"{at - timedelta(seconds=300 + number):%Y-%m-%d %H:%M:%S}",
        "offer_id": str(number % 2),
        "publisher": "7",
        "sub_id": f"s{number % 5}",
        "status": "Approved",
        "payout": "1.50",
        "revenue": "2.00",
    } | more


def poll(store, rows, now):
    with store.write() as session:
        feed = feeds.ensure(session, KEY)
        return chunk_cache.record(session, ChunkCache(), feed.id, read(Kind.CONVERSIONS, rows, now).batch, now)


def exported(rows):
    """The same rows as the download centre writes them: without their own ids."""
    return [{name: value for name, value in row.items() if name != "real_tx_id"} for row in rows]


def totals(store, metric="conversions", known=None):
    windows = Windows()
    with store.read() as session:
        [feed] = feeds.everything(session)
        windows.load(Kind.CONVERSIONS, [batch for _, batch in chunk_cache.rows_between(session, [feed.id], None, None)])
    edge = 10**11 if known is None else int(known.timestamp())
    found = windows.totals(Kind.CONVERSIONS, metric, ("offer",), Edges(0, 10**11, edge))
    names = windows.subjects.known(("offer",))
    return {names[code][0]: int(value) for code, value in enumerate(found) if value}


def test_an_export_of_everything_that_was_polled_brings_nothing_new(sqlite_store, now):
    rows = [polled(number, now) for number in range(40)]
    poll(sqlite_store, rows, now)
    found = import_rows(sqlite_store, KEY, exported(rows), now=now)
    assert (found.rows, found.new, found.changed) == (40, 0, 0)
    assert totals(sqlite_store) == {"0": 20, "1": 20}


def test_an_export_of_odd_sub_ids_brings_nothing_new(sqlite_store, now, tmp_path):
    texts = (" spaced ", "=1+1", "a,b;c", 'q"uote', "line\nbreak", "00123", "1e5", "null", "'", "用户", "\ttab", "")
    rows = [polled(number, now, sub_id=text) for number, text in enumerate(texts)]
    poll(sqlite_store, rows, now)
    file = tmp_path / "odd.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, exported(rows)[0])
        writer.writeheader()
        writer.writerows(exported(rows))
    found = import_file(sqlite_store, KEY, file, now=now)
    assert (found.rows, found.new, found.changed) == (len(texts), 0, 0)


def test_what_was_imported_first_is_not_counted_again_when_it_is_polled(sqlite_store, now):
    rows = [polled(number, now) for number in range(40)]
    import_rows(sqlite_store, KEY, exported(rows), now=now)
    for _ in range(2):
        found = poll(sqlite_store, rows, now)
        assert (found.new, found.changed) == (0, 0)
    assert totals(sqlite_store) == {"0": 20, "1": 20}


def test_a_status_that_changed_in_the_export_changes_the_polled_row(sqlite_store, now):
    rows = [polled(number, now) for number in range(4)]
    poll(sqlite_store, rows, now)
    rejected = [row | {"status": "Rejected"} for row in exported(rows)[:1]]
    assert import_rows(sqlite_store, KEY, rejected, now=now).changed == 1
    assert totals(sqlite_store, "rejected") == {"0": 1}
    again = poll(sqlite_store, [rows[0] | {"status": "Rejected"}], now)
    assert (again.new, again.changed) == (0, 0)


def test_equal_conversions_of_one_second_are_as_many_as_they_are(sqlite_store, now):
    rows = [polled(number, now, conversion_time=f"{now:%Y-%m-%d %H:%M:%S}", click_time="") for number in range(6)]
    poll(sqlite_store, rows[:4], now)
    found = import_rows(sqlite_store, KEY, exported(rows), now=now)
    assert found.new == 2
    assert sum(totals(sqlite_store).values()) == 6


def test_a_file_without_a_column_leaves_what_is_known_of_it(sqlite_store, now, tmp_path):
    rows = [polled(number, now, geo_country="DE", status="Rejected") for number in range(4)]
    poll(sqlite_store, rows, now)
    file = tmp_path / "few.csv"
    columns = ["transaction_id", "conversion_time", "click_time", "offer_id", "payout"]
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    found = import_file(sqlite_store, KEY, file, now=now)
    assert (found.new, found.changed) == (0, 0)


def test_a_wrong_import_is_taken_out_and_everything_is_as_before_at_every_time(sqlite_store, now):
    rows = [polled(number, now) for number in range(6)]
    poll(sqlite_store, rows, now - timedelta(hours=1))
    before = {metric: totals(sqlite_store, metric) for metric in ("conversions", "payout", "rejected")}
    wrong = exported([row | {"status": "Rejected", "payout": "9"} for row in rows])
    more = exported([polled(number, now, offer_id="77") for number in range(100, 110)])
    found = import_rows(sqlite_store, KEY, [*wrong, *more], now=now)
    assert (found.new, found.changed) == (10, 6)
    import_removal.remove(sqlite_store, found.id, by="ann", now=now + timedelta(hours=1))
    for known in (None, now, now + timedelta(minutes=30)):
        assert {metric: totals(sqlite_store, metric, known) for metric in before} == before
    again = poll(sqlite_store, rows, now)
    assert (again.new, again.changed) == (0, 0)
    assert totals(sqlite_store) == before["conversions"]


def test_what_was_polled_since_stays_when_an_import_is_removed(sqlite_store, now):
    rows = [polled(number, now) for number in range(4)]
    found = import_rows(sqlite_store, KEY, exported(rows), now=now)
    poll(sqlite_store, [rows[0] | {"status": "Rejected"}], now + timedelta(hours=1))
    import_removal.remove(sqlite_store, found.id, by="ann", now=now + timedelta(hours=2))
    assert totals(sqlite_store) == {"0": 1}
    assert totals(sqlite_store, "rejected") == {"0": 1}


def test_what_was_polled_unchanged_stays_when_an_import_is_removed(sqlite_store, now):
    rows = [polled(number, now) for number in range(4)]
    found = import_rows(sqlite_store, KEY, exported(rows), now=now)
    again = poll(sqlite_store, rows[:3], now + timedelta(hours=1))
    assert (again.new, again.changed) == (0, 0)
    import_removal.remove(sqlite_store, found.id, by="ann", now=now + timedelta(hours=2))
    assert sum(totals(sqlite_store).values()) == 3
    assert len(poll(sqlite_store, rows[:3], now + timedelta(hours=3)).facts) == 0


@pytest.mark.parametrize("first", [0, 1])
def test_a_row_of_two_imports_goes_with_the_second_that_is_removed(sqlite_store, now, first):
    rows = exported([polled(number, now) for number in range(6)])
    both = [import_rows(sqlite_store, KEY, rows[:4], now=now), import_rows(sqlite_store, KEY, rows[2:], now=now)]
    import_removal.remove(sqlite_store, both[first].id, by="ann", now=now)
    assert sum(totals(sqlite_store).values()) == 4
    import_removal.remove(sqlite_store, both[1 - first].id, by="ann", now=now)
    assert totals(sqlite_store) == {}


def test_an_import_is_removed_after_merging_and_after_summing_up_too(sqlite_store, now):
    old = now - timedelta(days=200)
    rows = [polled(number, old) for number in range(6)]
    found = import_rows(sqlite_store, KEY, exported(rows), now=now)
    apply(sqlite_store, Keep(), now)
    with sqlite_store.read() as session:
        [info] = observations.overlapping(session, [1])
    assert info.level == observations.Level.HOURLY
    import_removal.remove(sqlite_store, found.id, by="ann", now=now)
    assert totals(sqlite_store) == {}


def test_an_import_is_removed_once(sqlite_store, now):
    found = import_rows(sqlite_store, KEY, exported([polled(1, now)]), now=now)
    import_removal.remove(sqlite_store, found.id, by="ann", now=now)
    for number in (found.id, 99):
        with pytest.raises(NoSuchImport, match="not found, or it was removed before"):
            import_removal.remove(sqlite_store, number, by="ann", now=now)


def test_rows_of_hours_of_which_only_sums_are_left_are_not_counted_again(sqlite_store, now):
    old = now - timedelta(days=200)
    rows = [polled(number, old) for number in range(6)]
    import_rows(sqlite_store, KEY, exported(rows), now=now)
    apply(sqlite_store, Keep(), now)
    found = import_rows(sqlite_store, KEY, exported(rows), now=now)
    assert (found.new, found.summed) == (0, 6)
    assert sum(totals(sqlite_store).values()) == 6


def test_removing_an_import_lets_the_feed_reach_as_far_as_before(reader, world):
    reader.read(world.clock.now())
    feed = of_feed(reader, Kind.CONVERSIONS)
    rows = exported([polled(number, feed.since - timedelta(hours=1)) for number in range(9)])
    found = import_rows(reader.store, KEY, rows, now=world.clock.now(), end=feed.since)
    assert of_feed(reader, Kind.CONVERSIONS).since < feed.since
    import_removal.remove(reader.store, found.id, by="ann", now=world.clock.now())
    again = of_feed(reader, Kind.CONVERSIONS)
    assert (again.since, again.as_of) == (feed.since, feed.as_of)


# --- files ------------------------------------------------------------------------------------------


@pytest.fixture
def imported(sqlite_store, now, tmp_path):
    def imported(text, **options):
        file = tmp_path / "file.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return import_file(sqlite_store, KEY, file, now=now, **options)

    return imported


ROW = "t1,2026-02-28 10:00:00,2026-02-28 09:00:00,1001,1,Approved,1.50,2.00\n"
QUOTED = ROW.removesuffix("2.00\n") + '"2.00"'


def test_a_row_that_is_cut_off_is_refused_and_its_neighbours_are_read(imported):
    found = imported(HEADER + ROW + "t3,2026-02-28 12:00:00\n")
    assert (found.new, found.refused_rows) == (1, 1)
    assert found.refused == ("line 3: 2 cells under 8 columns; the row is cut off, or a cell lacks quotes",)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (ROW.replace("1001", "1.00E+03"), "line 2: offer_id: '1.00E+03' is an id that a spreadsheet has shortened"),
        (ROW.replace("1.50", '"1,500"'), "line 2: payout: '1,500' may be 1500 or 1.500"),
        (ROW.replace("2.00", "Infinity"), "line 2: revenue: 'Infinity' is not a number"),
        (ROW.replace("2026-02-28 10", "0001-01-01 00"), "line 2: conversions: row t1 has no readable time"),
        (ROW.replace("2026-02-28 10", "1970-01-01 00"), "line 2: conversions: row t1 has no readable time"),
        (ROW.replace("1.50", "1" * 14), "line 2: conversions: row t1: payout is '11111111111111', no amount"),
        (ROW.replace("2026-02-28 10:00:00", "9999-12-31T23:59:59"), "line 2: conversions: row t1 has no readable time"),
        (ROW.replace("t1", ""), "line 2: conversions: a row has no transaction id"),
        (ROW.replace("1001", '"1,001"'), "line 2: offer_id: '1,001' is an id with a separator of thousands"),
        (ROW.replace("2026-02-28 10", "02/03/2026 10"), "line 2: conversion_time: '02/03/2026 10:00:00' may be 2026-"),
        (
            ROW.replace("2026-02-28 10:00:00", "46354.41"),
            "line 2: conversions: row t1 has no readable time; conversion_time is '46354.41'; write it like",
        ),
    ],
)
def test_what_has_no_meaning_is_refused_by_its_line(imported, row, words):
    found = imported(HEADER + row)
    assert (found.new, found.refused_rows) == (0, 1)
    assert found.refused[0].startswith(words)


@pytest.mark.parametrize("click", ["0001-01-01 00:00:00", "0001-01-01T00:00:00Z", "1970-01-01 00:00:00", "", "0"])
def test_a_click_that_never_was_makes_no_delay_of_centuries(imported, sqlite_store, click):
    imported(HEADER + ROW.replace("2026-02-28 09:00:00", click))
    with sqlite_store.read() as session:
        [(_, batch)] = chunk_cache.rows_between(session, [1], None, None)
    assert batch.delay.tolist() == [-1]


@pytest.mark.parametrize("written", ["'1001", '"=""1001"""', "1001.0", "1001\u200b", "\u00a01001"])
def test_an_id_is_read_as_spreadsheets_write_it(imported, sqlite_store, written):
    assert imported(HEADER + ROW.replace("1001", written)).new == 1
    assert totals(sqlite_store, "payout") == {"1001": 1_500_000}


def test_a_german_spreadsheet_is_read(imported, sqlite_store):
    text = (HEADER + ROW.replace("1.50", '"1.234,50"')).replace(",", ";").replace('"1.234;50"', "1.234,50")
    found = imported(text.replace("2026-02-28 10:00:00", "28.02.2026 10:00").encode("utf-16"))
    assert (found.new, found.notes) == (1, ("cells are separated by semicolons",))
    assert totals(sqlite_store, "payout") == {"1001": 1_234_500_000}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("offer_id,payout\n1,2\n", "line 1: no column for the id of each of the conversions, such as real_tx_id"),
        ("transaction_id,payout\n1,2\n", "line 1: no column for the time of each of the conversions"),
        (HEADER.replace("revenue", "payout") + ROW, "line 1: the column 'payout' appears twice"),
        ("", "line 1: the file is empty"),
        (b"\xff\xfe\x00\xd8", "line 1: not UTF-8"),
        (b"PK\x03\x04\x00", "line 1: a spreadsheet or a zip file; export it"),
        (b"\x1f\x8b\x08\x00", "line 1: compressed with gzip; unpack it first"),
    ],
)
def test_a_file_that_is_no_report_is_one_sentence(imported, text, words):
    with pytest.raises(CsvProblem) as error:
        imported(text)
    assert str(error.value).startswith(words)


def test_a_preview_writes_nothing_and_shows_the_rows_as_they_would_be_read(sqlite_store, tmp_path, now):
    file = tmp_path / "file.csv"
    file.write_text("Report\n" + HEADER + ROW + "t2\n")
    found = preview(file, Kind.CONVERSIONS, now=now)
    assert (found.rows, found.refused_rows, found.first[0]["payout"]) == (2, 1, Decimal("1.5"))
    with sqlite_store.read() as session:
        assert list(feeds.everything(session)) == []


def test_words_for_a_status_that_are_not_known_are_told(imported):
    rows = [ROW.replace("t1", f"t{number}").replace("Approved", word) for number, word in enumerate(WORDS)]
    others = "2 rows with a status that is neither approved, pending nor rejected, counted as not rejected"
    assert imported(HEADER + "".join(rows)).notes == (f"{others}: 'declined', 'trash'",)


WORDS = ("Approved", " REJECTED ", "processing", "", "declined", "Trash")


def test_a_column_says_when_each_row_was_seen(imported, sqlite_store, now):
    seen = now - timedelta(hours=20)
    imported(
        HEADER.replace("status", "told") + ROW.replace("Approved", f"{seen:%Y-%m-%d %H:%M:%S}"), seen_column="told"
    )
    assert totals(sqlite_store, known=seen - timedelta(seconds=1)) == {}
    assert totals(sqlite_store, known=seen) == {"1001": 1}


HOURS = {  # the row happened on 28 February at 10:00, and it is 2 March
    "2026-02-28 09:00:00": "2026-02-28 09:00 UTC is before the row happened, 2026-02-28 10:00 UTC; a time without",
    "2026-02-28T10:30:00+01:00": "2026-02-28 09:30 UTC is before the row happened",
    "2027-02-28 11:00:00": "2027-02-28 11:00 UTC is in the future, and until then the row would count nowhere",
    "": "is empty; write when the row was first listed, like 2026-11-20T14:40:00+01:00, or import the file without",
    "yesterday": "'yesterday' is not a moment; write it like 2026-11-20T14:40:00+01:00",
}


@pytest.mark.parametrize("seen", HOURS)
def test_a_time_at_which_no_row_can_have_been_seen_is_refused_with_its_line_and_a_remedy(imported, tmp_path, now, seen):
    fine = ROW.replace("t1", "t2").replace("Approved", "2026-02-28T12:00:00+01:00")
    text = HEADER.replace("status", "told") + fine + ROW.replace("Approved", seen)
    found = imported(text, seen_column="told")
    assert (found.new, found.refused_rows) == (1, 1)
    assert found.refused[0].startswith(f"line 3: told: {HOURS[seen]}")
    file = tmp_path / "shown.csv"
    file.write_text(text)
    assert preview(file, Kind.CONVERSIONS, "told", now=now).refused == found.refused


def test_clocks_that_differ_a_little_are_no_reason_to_refuse_a_row(imported, sqlite_store, now):
    text = HEADER.replace("status", "told") + ROW.replace("Approved", "2026-02-28 09:57:00")
    assert imported(text, seen_column="told").new == 1
    assert len(totals(sqlite_store, known=now)) == 1


def test_a_last_row_without_a_line_end_is_told_with_its_last_cell(imported, tmp_path, now):
    cut = HEADER + ROW.removesuffix("\n")
    [note] = imported(cut).notes
    assert note.startswith("line 2, the last one, has no line end and was read as it stands, up to ")
    file = tmp_path / "cut.csv"
    file.write_text(cut)
    assert preview(file, Kind.CONVERSIONS, now=now).notes == (note,)


@pytest.mark.parametrize("text", [HEADER + ROW, HEADER + ROW + "\n\n", HEADER + QUOTED])
def test_a_last_row_that_is_surely_whole_is_not_doubted(imported, text):
    assert imported(text).notes == ()
