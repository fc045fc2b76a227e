"""CSV is read where it has one meaning, and refused with the line where it has two."""

import io
from datetime import datetime
from decimal import Decimal

import pytest

from bridge.sources import spreadsheet
from bridge.sources.csv_body import rows
from bridge.sources.csv_file import CsvProblem, encoding_of, table, text_of
from bridge.sources.errors import Unreadable

KNOWN = ("transaction_id", "conversion_time", "payout")
NAMES = "transaction_id,conversion_time,payout\n"
ROW = "t1,2026-11-28 10:00:00,1.50\n"


def read(text: str, known=KNOWN):
    found = table(io.StringIO(text, newline=""), known)
    return found, list(found.rows)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_usual_separator_is_seen_in_the_column_names(separator):
    found, [row] = read((NAMES + ROW).replace(",", separator))
    assert found.delimiter == separator
    assert row.cells == {"transaction_id": "t1", "conversion_time": "2026-11-28 10:00:00", "payout": "1.50"}


@pytest.mark.parametrize(
    "above", ["sep=,\n", '"sep=,"\n', "Conversion report\n", "Report\n\n2026-11-01;2026-11-28\n", "\ufeffsep=,\r\n"]
)
def test_what_stands_above_the_column_names_is_passed_over_and_said(above):
    found, [row] = read(above + NAMES + ROW)
    assert row.cells["payout"] == "1.50"
    assert found.notes == (f"line {found.header_line} names the columns; the lines above it were passed over",)
    assert row.line == found.header_line + 1


def test_names_for_people_are_taken_for_the_columns():
    found, _ = read("Transaction ID,Conversion Time,Payout\n" + ROW)
    assert found.columns == KNOWN


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: the file is empty"),
        ("\n\n", "line 1: the file is empty"),
        ("a,b\n1,2\n", "line 1: no column names such as transaction_id, conversion_time, payout; the line is 'a,b'"),
        ("transaction_id,payout,payout\n", "line 1: the column 'payout' appears twice, as columns 2 and 3; keep one"),
        ("transaction_id,,payout\n", "line 1: column 2 has no name; every column needs one"),
    ],
)
def test_a_file_without_proper_column_names_is_refused_in_one_sentence(text, words):
    with pytest.raises(CsvProblem) as error:
        read(text)
    assert str(error.value).startswith(words)


def test_a_short_row_is_told_by_its_line_and_hurts_only_itself():
    _, found = read(NAMES + "t3,2026-11-28 12:00:00\n" + ROW)
    assert [(row.line, bool(row.problem)) for row in found] == [(2, True), (3, False)]
    assert found[0].problem == "2 cells under 3 columns; the row is cut off, or a cell lacks quotes"


def test_empty_columns_and_lines_of_a_spreadsheet_are_nothing():
    found, [row] = read(NAMES.strip() + ",,\n" + ROW.strip() + ",,\n,,,,\n")
    assert (found.columns, row.cells["payout"]) == (KNOWN, "1.50")


def test_a_quote_that_never_ends_is_told_with_its_line():
    found = table(io.StringIO(NAMES + ROW + '"t2,', newline=""), KNOWN)
    with pytest.raises(CsvProblem, match="line 3: not CSV: a quote that is never closed"):
        list(found.rows)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_every_encoding_that_shows_itself_is_read(encoding):
    raw = (NAMES + ROW).encode(encoding)
    assert text_of(raw).lstrip("\ufeff") == NAMES + ROW
    assert encoding_of(raw).startswith("utf-")


def test_another_encoding_is_refused_with_its_line():
    with pytest.raises(CsvProblem, match="line 2: not UTF-8"):
        text_of("name\nGröße\n".encode("latin-1"))


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("1500", "1500"), ("1,500.00", "1500"), ("1.500,00", "1500"), ("1 500,00", "1500"), ("1\u202f500,5", "1500.5"),
        ("1'500.5", "1500.5"), ("$12.50", "12.5"), ("12,50 €", "12.5"), ("EUR 3", "3"), ("-0,5", "-0.5"), (".5", "0.5"),
        ("12,345,678", "12345678"), ("1e+06", "1000000"), ("0.123", "0.123"),
    ],
)  # fmt: skip
def test_an_amount_with_one_meaning_is_read_exactly(cell, amount):
    assert spreadsheet.amount(cell) == Decimal(amount)


@pytest.mark.parametrize("cell", ["1,500", "12,345", "abc", "", "inf", "nan", "1_000", "(5)", "1.2.3", "1,2,3", "٣"])
def test_an_amount_with_two_meanings_or_none_is_refused(cell):
    with pytest.raises(ValueError, match=r"may be|is not a number"):
        spreadsheet.amount(cell)


def test_where_commas_are_decimals_a_point_before_three_digits_is_doubtful_too():
    with pytest.raises(ValueError, match=r"'1\.500' may be 1500 or 1\.500"):
        spreadsheet.amount("1.500", commas=True)


@pytest.mark.parametrize("cell", ["1,00E+03", "1.00E+03", "2.38512E+16"])
def test_an_id_that_a_spreadsheet_has_shortened_is_refused(cell):
    with pytest.raises(ValueError, match="a spreadsheet has shortened"):
        spreadsheet.identifier(cell)


@pytest.mark.parametrize(("cell", "identifier"), [("1001.0", "1001"), ("12E45", "12E45"), ("007", "007"), (" a ", "a")])
def test_other_ids_are_what_they_are(cell, identifier):
    assert spreadsheet.identifier(cell) == identifier


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("11/28/2026 10:05 PM", "2026-11-28 22:05"), ("28/11/2026 9:05", "2026-11-28 09:05"),
        ("11/28/2026, 12:05:07 a.m.", "2026-11-28 00:05:07"), ("11/11/2026", "2026-11-11 00:00"),
        ("28.11.2026 12:00 pm", "2026-11-28 12:00"), ("2026/11/28 1:00 AM", "2026-11-28 01:00"),
        ("11/28/2026 13:05 PM", None), ("13/13/2026", None), ("46354.41", None),
    ],
)  # fmt: skip
def test_a_moment_with_one_meaning_is_read(cell, moment):
    wanted = datetime.fromisoformat(f"{moment}+00:00") if moment else None
    assert spreadsheet.moment(cell) == wanted


def test_a_day_that_may_be_a_month_is_refused():
    with pytest.raises(ValueError, match="'11/12/2026' may be 2026-11-12 or 2026-12-11"):
        spreadsheet.moment("11/12/2026")


def test_a_body_of_csv_is_read_with_the_same_care():
    assert rows("email;name\nä@b.de;Ann\n".encode()) == [{"email": "ä@b.de", "name": "Ann"}]
    assert rows("sep=;\nemail;name\na@b.de;Ann\n".encode("utf-16")) == [{"email": "a@b.de", "name": "Ann"}]


def test_a_body_with_a_column_twice_is_refused():
    with pytest.raises(Unreadable, match="appears twice"):
        rows(b"email,email\na,b\n")
