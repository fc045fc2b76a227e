"""A backtest on imported history knows of each row when its file says that it was seen."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from bridge.reports.import_times import seen_when_imported
from bridge.reports.report_rows import read
from bridge.store.feeds import Kind

START = datetime(2026, 3, 2, tzinfo=UTC)


def a_day():
    rows = [
        {
            "transaction_id": f"c{n}",
            "click_time": f"{START + n * timedelta(hours=1):%Y-%m-%d %H:%M:%S}",
            "offer_id": "1",
        }
        for n in range(24)
    ]
    return read(Kind.CLICKS, rows, START).batch


def test_rows_keep_the_time_at_which_they_were_seen():
    told = replace(a_day(), seen=a_day().event + 7_200 + np.arange(24))
    assert (seen_when_imported(told) == told.seen).all()


def test_a_file_without_seen_times_counts_as_seen_five_minutes_later():
    read_at_once = a_day().seen_from(int(a_day().event.max()) + 3_600)
    assert (seen_when_imported(read_at_once) == read_at_once.event + 300).all()


def test_a_row_that_was_seen_weeks_later_is_taken_to_have_been_punctual():
    told = replace(a_day(), seen=a_day().event + 30 * 86_400 + np.arange(24))
    assert (seen_when_imported(told) == told.event + 300).all()
