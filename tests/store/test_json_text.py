"""JSON of columns and answers: whole numbers stay whole, however long."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bridge.store import json_text

WIDE = 10**29 + 1


@pytest.mark.parametrize("number", [0, -(2**63), 2**64 - 1, 2**64, -(2**63) - 1, WIDE])
def test_a_whole_number_of_any_length_comes_back_exactly(number):
    assert json_text.loads(json_text.dumps({"id": number})) == {"id": number}


def test_a_wide_number_changes_nothing_of_what_stands_beside_it():
    beside = {1: Decimal("1.50"), "at": datetime(2026, 3, 1, tzinfo=UTC), "name": "\u00e9", "list": (1, None, True)}
    told = json_text.loads(json_text.dumps(beside))
    assert json_text.loads(json_text.dumps({**beside, "id": WIDE})) == {**told, "id": WIDE}
