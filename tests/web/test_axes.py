"""The ends of axes: round numbers that people read at once."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.web.console.charts import axis_top


@pytest.mark.parametrize(
    ("highest", "end"), [(0, 1), (0.6, 0.6), (0.95, 1), (1, 1), (13.5, 16), (269, 300), (1_000, 1_000), (1_001, 1_200)]
)
def test_an_axis_ends_with_a_round_number(highest, end):
    assert axis_top(highest) == pytest.approx(end)


@pytest.mark.parametrize(("highest", "end"), [(0, 2), (1, 2), (3, 4), (4, 4), (5, 6), (13, 16), (269, 300)])
def test_the_middle_of_an_axis_of_counts_is_a_count(highest, end):
    assert axis_top(highest, whole=True) == end


@example(highest=1e-6, whole=True)
@given(highest=st.floats(1e-6, 1e12) | st.just(0.0), whole=st.booleans())
def test_nothing_stands_above_the_end_and_the_room_is_used(highest, whole):
    end = axis_top(highest, whole=whole)
    assert end >= highest
    assert end <= max(2 * highest, 2.0 if whole else 1.0 if highest == 0 else 0.0)
