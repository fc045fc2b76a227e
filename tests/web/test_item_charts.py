"""The curves of an item: what is drawn over them, and that the table says the same."""

from datetime import UTC, datetime, timedelta

from bridge.web.console.item_charts import HOUR, RATE, Hour, Mark, charts

START = datetime(2026, 3, 2, tzinfo=UTC)


def rows(*day):
    return [Hour(START + HOUR * number, 10.0, 1.0, 2.0, each) for number, each in enumerate(day)]


def rate_of(found):
    return next(curve for curve in found.curves if curve.name == RATE)


def test_the_true_rate_lies_in_an_interval_that_many_clicks_narrow():
    few, many = rows((100.0, 10.0), (10_000.0, 1_000.0))
    assert few.rate_of_day == many.rate_of_day == 10
    assert few.interval[0] < many.interval[0] < 10 < many.interval[1] < few.interval[1]


def test_a_gap_in_what_is_known_is_a_gap_in_the_interval():
    found = charts(rows((100.0, 10.0), None, (100.0, 10.0), (100.0, 12.0)), [], UTC)
    assert [outline.count(",") for outline in rate_of(found).range] == [2, 4]


def test_a_threshold_stands_on_its_height_and_within_the_chart():
    found = charts(rows((100.0, 1.0)), [], UTC, thresholds=[("low-cr", 4.0)])
    [(height, text)] = rate_of(found).thresholds
    assert text == "low-cr: 4%"
    assert 0 < height < found.floor
    assert [curve.thresholds for curve in found.curves if curve.name != RATE] == [[]] * 3


def test_a_change_is_marked_where_it_was_and_told_in_the_table():
    marks = [Mark(START + timedelta(minutes=90), "paused by rule low-cr"), Mark(START - HOUR, "before")]
    found = charts(rows(*[(100.0, 1.0)] * 3), [], UTC, marks=marks)
    assert [text for _, text in found.marks] == ["02 Mar 01:30: paused by rule low-cr"]
    assert found.told == ["", "paused by rule low-cr", ""]


def test_nothing_known_is_no_chart():
    assert charts([Hour(START, None, None, None)], [], UTC) is None


def test_no_conversion_is_a_rate_of_nothing_with_an_interval():
    [row] = rows((500.0, 0.0))
    assert row.rate_of_day == 0
    assert row.interval[1] > 0
