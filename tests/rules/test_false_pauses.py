"""Of honest items at most one of twenty is paused by chance in thirty days, whatever they are compared with.

Small simulations with the product's own evaluator, always the same. `python -m benchmarks false_pauses` has larger
ones.
"""

import numpy as np
import pytest

from benchmarks.false_pauses import at_own_line, beside_peers, fallen, halved, is_bad, share_taken, together

ITEMS, STEP = 100, 8  # items; hours between two looks
EVERY = np.ones(ITEMS, bool)
FALL = "cr down 50% vs 7d @95% a month"


@pytest.mark.parametrize(
    ("when", "world", "rows"),
    [
        (FALL, halved, EVERY),
        ("cr down 50% vs peers @95% a month", beside_peers, is_bad(ITEMS)),
        ("cr < lines.line @95% a month", at_own_line, EVERY),
    ],
    ids=["own past", "peers", "table"],
)
def test_honest_items_at_the_line_are_left_alone(when, world, rows):
    assert share_taken(when, world(2000, ITEMS), rows, window="3d", step=STEP) <= 0.05


def test_a_single_look_would_pause_most_of_them():
    """The same items, looked at as often, with a confidence for one look: the simulation can fail."""
    assert share_taken("cr < lines.line @95%", at_own_line(2000, ITEMS), EVERY, step=STEP) > 0.5


def test_what_really_falls_is_found():
    assert share_taken(FALL, fallen(8000, ITEMS), EVERY, window="3d", step=STEP) > 0.9


def test_of_all_that_are_paused_few_are_honest():
    row = together(2000, ITEMS, STEP)
    assert float(row["honest of the paused"][:-1]) <= 5
    assert row["bad found"] == "10 of 10"
