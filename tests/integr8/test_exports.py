"""Exports from start to rows."""

import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest
from starts_in_memory import StartsInMemory

from bridge.integr8 import errors
from bridge.integr8.exports import Exporter
from bridge.store.exports import Starts

START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
READY = {"id": "exp1", "status": "COMPLETED", "artifact": {"name": "exp1.csv"}}


@pytest.fixture
def today(now):
    class Today:
        at = now

        def __call__(self):
            return self.at

    return Today()


@pytest.fixture(params=["memory", "database"])
def starts(request):
    return StartsInMemory() if request.param == "memory" else Starts(request.getfixturevalue("sqlite_store"), "main")


@pytest.fixture
def exporter(client, starts, clock, today):
    return Exporter(client, starts, today=today, clock=clock, sleep=clock.sleep)


def _file(double, integr8, *answers):
    """Serve the file itself from the double as well."""

    def script(seen):
        if seen.path.endswith("/artifact-url"):
            return double.says({"url": f"{integr8.url}/files/exp1.csv?signature=s3cret"})
        if seen.path.startswith("/files/"):
            return answers[min(sum(1 for one in integr8.seen if one.path == seen.path), len(answers)) - 1]
        return None

    integr8.script = script


def test_an_export_is_started_with_everything_in_the_query(exporter, integr8):
    exporter.start("clicks", START, END, fields=["transaction_id", "payout"], filter={"offer_id": "42"})
    (seen,) = integr8.seen
    assert seen.line == "POST /api/v2/download-center/dhkwd4izck/clicks"
    assert seen.body == b""
    assert seen.query == {
        "start_time": ["2026-03-01 00:00:00"], "end_time": ["2026-03-02 00:00:00"], "timezone": ["UTC"],
        "fields": ["transaction_id,payout"], "extra_parameters": [""], "filter[offer_id]": ["42"],
    }  # fmt: skip


def test_postback_logs_know_no_extra_parameters(exporter, integr8):
    exporter.start("postback_logs", START, END, fields=["status"])
    assert "extra_parameters" not in integr8.seen[0].query


def test_the_eleventh_of_a_day_is_refused_here(exporter, integr8, today):
    for _ in range(10):
        exporter.start("clicks", START, END, fields=["payout"])
        today.at += timedelta(minutes=10)
    with pytest.raises(errors.DailyBudgetExhausted) as caught:
        exporter.start("clicks", START, END, fields=["payout"])
    assert caught.value.next_free == today.at - timedelta(minutes=100) + timedelta(hours=24)
    assert "the next is free at 2026-03-03 12:00 UTC" in str(caught.value)
    assert len(integr8.seen) == 10


def test_a_day_later_there_is_room_again(exporter, today):
    for _ in range(10):
        exporter.start("clicks", START, END, fields=["payout"])
        today.at += timedelta(seconds=1)
    assert exporter.budget().left == 0
    today.at += timedelta(hours=24)
    assert exporter.budget().left == 10
    exporter.start("clicks", START, END, fields=["payout"])


def test_a_start_that_was_not_sent_costs_nothing(exporter, integr8):
    with pytest.raises(errors.InvalidCall):
        exporter.start("clicks", START, END, fields=[])
    integr8.close()
    with pytest.raises(errors.Unreachable):
        exporter.start("clicks", START, END, fields=["payout"])
    assert exporter.budget().used == 0


def test_a_start_in_doubt_stays_counted(exporter, integr8, double):
    integr8.will(double.Answer(drop=True))
    with pytest.raises(errors.OutcomeUnknown):
        exporter.start("clicks", START, END, fields=["payout"])
    assert exporter.budget().used == 1


def test_waiting_tells_how_far_it_is(exporter, integr8, double, clock):
    integr8.will(*(double.says({"data": {"id": "exp1", "status": status}}) for status in ("PENDING", "IN_PROGRESS")))
    told = []
    ready = exporter.wait("exp1", progress=told.append)
    assert ready["artifact"]["name"] == "exp1.csv"
    assert [one.status for one in told] == ["PENDING", "IN_PROGRESS", "COMPLETED"]
    assert told[-1].rows == 2
    assert clock.slept == sorted(clock.slept)


def test_an_export_with_a_file_is_ready_whatever_its_state_is_called(exporter, integr8, double):
    integr8.will(double.says({"data": {"id": "exp1", "status": "UNKNOWN", "artifact": {"name": "a.csv"}}}))
    assert exporter.wait("exp1")["artifact"]["name"] == "a.csv"


@pytest.mark.parametrize("status", ["ERROR", "CANCELED"])
def test_an_export_that_integr8_gave_up_is_an_error(exporter, integr8, double, status):
    integr8.will(double.says({"data": {"id": "exp1", "status": status, "error": "too many rows"}}))
    with pytest.raises(errors.RequestFailed, match="too many rows"):
        exporter.wait("exp1")


def test_an_export_that_takes_for_ever_is_given_up(exporter, integr8, double):
    integr8.script = lambda _: double.says({"data": {"id": "exp1", "status": "PENDING"}})
    with pytest.raises(errors.NoAnswer, match="still PENDING"):
        exporter.wait("exp1", deadline=100)


CSV = b'\xef\xbb\xbftransaction_id,reason\r\nA,"two\r\nlines, and a ""quote"""\r\nB,\xc3\xa9\r\n'


def test_rows_are_read_as_csv_is_meant(exporter, integr8, double):
    _file(double, integr8, double.Answer(200, CSV))
    with exporter.rows(READY) as rows:
        assert list(rows) == [
            {"transaction_id": "A", "reason": 'two\r\nlines, and a "quote"'},
            {"transaction_id": "B", "reason": "\u00e9"},
        ]


def test_the_file_is_fetched_without_the_key(exporter, integr8, double):
    _file(double, integr8, double.Answer(200, CSV))
    with exporter.rows(READY) as rows:
        list(rows)
    assert [("api-key" in seen.headers) for seen in integr8.seen] == [True, False]


def test_a_file_that_breaks_off_is_an_error_and_not_the_end(exporter, integr8, double):
    _file(double, integr8, double.Answer(200, CSV, cut=30))
    with pytest.raises(errors.NoAnswer), exporter.rows(READY) as rows:
        list(rows)


def test_a_line_with_too_few_cells_is_an_error(exporter, integr8, double):
    _file(double, integr8, double.Answer(200, b"a,b\n1\n"))
    with pytest.raises(errors.Malformed, match="line 2"), exporter.rows(READY) as rows:
        list(rows)


def test_a_saved_file_that_broke_off_is_fetched_anew(exporter, integr8, double, tmp_path):
    _file(double, integr8, double.Answer(200, CSV, cut=30), double.Answer(200, CSV))
    target = tmp_path / "clicks.csv"
    assert exporter.save(READY, target) == len(CSV)
    assert target.read_bytes() == CSV
    assert [path.name for path in tmp_path.glob("clicks*")] == ["clicks.csv"]


def test_an_expired_address_is_told_without_showing_it(exporter, integr8, double, tmp_path):
    _file(double, integr8, double.says({"error": "no signature s3cret"}, 403))
    with pytest.raises(errors.Forbidden) as caught:
        exporter.save(READY, tmp_path / "clicks.csv")
    assert "signature=s3cret" not in str(caught.value)
    assert list(tmp_path.glob("clicks*")) == []


def test_an_export_without_a_file_cannot_be_read(exporter):
    with pytest.raises(errors.Malformed, match="has no file name"), exporter.rows({"id": "exp1"}):
        pass


@pytest.mark.slow
def test_a_large_file_passes_through_in_constant_memory(exporter, integr8, double):
    line = b"0123456789abcdef,1.10\n"
    _file(double, integr8, double.Answer(200, b"id,payout\n" + line * 400_000))
    with exporter.rows(READY) as rows:
        next(rows)
        tracemalloc.start()
        count = sum(1 for _ in rows)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert count == 399_999
    assert most < 4_000_000  # of a file of 8.8 MB; what grows with the file would show


def test_an_export_is_deleted_with_its_file(exporter, integr8):
    exporter.delete("exp1")
    assert integr8.lines == ["DELETE /api/v2/download-center/exports/exp1"]


def test_a_shared_report_is_asked_for_with_its_token_alone(client, integr8):
    client.exports.shared_url("a.csv", "guest")
    (seen,) = integr8.seen
    assert seen.query == {"artifact_name": ["a.csv"], "token": ["guest"]}
    assert "api-key" not in seen.headers


def test_starts_are_counted_over_processes_and_machines(store, now):
    one, two = Starts(store, "main"), Starts(store, "main")
    day = timedelta(hours=24)
    assert [log.reserve(now, limit=2, span=day) for log in (one, two, one)] == [True, True, False]


def test_each_account_has_its_own_ten(store, now):
    day = timedelta(hours=24)
    assert Starts(store, "main").reserve(now, limit=1, span=day)
    assert Starts(store, "second").reserve(now, limit=1, span=day)
