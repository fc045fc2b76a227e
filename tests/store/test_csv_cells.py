"""What people open in a spreadsheet holds no cell that it runs."""

import pytest

from bridge.store.csv_cells import safe_cell


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+SUM(A1)",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "\uff1d1+1",
        "-",
        "+49 30 1",
        "|calc",
        "\u200b=1",
        "\x0b=1",
        "\x1b=1",
        "\xad=1",
        "\u2060=1",
        "\u202e=1",
        "\u2212cmd",
        "\ufe661",
        "\ufe6bx",
    ],
)
def test_a_formula_becomes_text(text):
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "-3",
        "-3.50",
        "\u22123",
        "+7",
        "1e-5",
        "-1,234.5",
        "-4 %",
        "a=b",
        "sub-7",
        "7-8",
        "a;b",
        "1;-3;4",
        "a; b",
        "a\r\nb",
        "1; -3",
        -3,
        None,
        True,
    ],
)
def test_everything_else_stays_as_it_is(value):
    assert safe_cell(value) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x;=1+1;y", "x;'=1+1;y"),
        (";=1", ";'=1"),
        ("x;\u200b=1", "x;'\u200b=1"),
        ("x; @SUM(1)", "x;' @SUM(1)"),
        ("x\ty\t=1", "x\ty\t'=1"),
        ("-3;=1", "'-3;'=1"),
        ("a\n+cmd|' /C calc'!A0", "a\n'+cmd|' /C calc'!A0"),
        ("x;-3+1", "x;'-3+1"),
    ],
)
def test_a_formula_where_a_spreadsheet_may_split_the_cell_becomes_text(text, told):
    assert safe_cell(text) == told
