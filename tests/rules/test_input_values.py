"""One decision about moments and numbers, for every way in."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from rules.model.input_values import parse_moment, parse_number

FAR_AWAY = (
    *("9999-12-31 23:59:59", "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00"),
    *("2026-03-01T24:00:01Z", "2026-02-30T24:00:00Z", "2099-12-31T24:00:00Z", "2026-03-01T24:30Z"),
    *("1970-01-01 00:00:00", "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "000000000", "9999999999999999"),
)


@pytest.mark.parametrize("text", FAR_AWAY)
def test_a_moment_that_nobody_means_is_missing(text):
    assert parse_moment(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("1772409600", "1772409600000", "1772409600000000", "2026-03-02T01:00:00+01:00"),
        *("2026-03-01T24:00:00Z", "2026-03-01 24:00", "2026-03-01T24:00:00.000+00:00"),
    ],
)
def test_a_moment_may_be_written_in_several_ways(text):
    assert parse_moment(text) == datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("1e+06", "1000000"), ("1e 06", "1000000"), ("1E6", "1000000"), ("1e-05", "0.00001"), (".5", "0.5")),
        *(("150.", "150"), ("-2.50", "-2.50"), ("123456789012345678", "123456789012345678"), ("0e99", "0")),
    ],
)
def test_a_number_is_exact_and_in_plain_digits(text, number):
    assert str(parse_number(text)).rstrip(".") == number


@pytest.mark.parametrize(
    "text", ["1,50", "$1.50", "inf", "NaN", "1e999", "1e18", "", ".", "e5", "0x10", "1_000", "٣", True]
)
def test_what_is_no_number_is_missing(text):
    assert parse_number(text) is None


def test_a_decimal_of_a_json_body_stays_as_it_is():
    assert parse_number(Decimal("1.50")) == Decimal("1.50")
