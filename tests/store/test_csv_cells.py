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
    ],
)
def test_a_formula_becomes_text(text):
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "value", ["", "-3", "-3.50", "+7", "1e-5", "-1,234.5", "-4 %", "a=b", "sub-7", "7-8", -3, None, True]
)
def test_everything_else_stays_as_it_is(value):
    assert safe_cell(value) == value
