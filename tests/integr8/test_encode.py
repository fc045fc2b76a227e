"""What is sent to Integr8 has the digits that it was given."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.integr8.core import encode

numbers = st.one_of(
    st.integers(-(10**30), 10**30),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=9),
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("123456789012345.67"), "123456789012345.67"),
        (Decimal("0.10"), "0.1"),
        (Decimal("5.00"), "5"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-9"), "0.000000001"),
        (23851234567890321, "23851234567890321"),
        (2**70, str(2**70)),
        (True, "true"),
        (None, "null"),
        ("M\u00fcller", '"M\u00fcller"'),
        ({"a": [Decimal("1.5"), {"b": 1.25}]}, '{"a":[1.5,{"b":1.25}]}'),
    ],
)
def test_a_value_has_one_form(value, text):
    assert encode(value).decode() == text


@given(st.dictionaries(st.text(), st.lists(numbers)))
def test_every_number_comes_back_as_it_was(body):
    read = json.loads(encode(body), parse_float=Decimal)
    assert read == body


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), float("nan"), float("inf"), object()])
def test_what_json_has_no_form_for_is_refused(value):
    with pytest.raises(TypeError):
        encode({"payout": [value]})
