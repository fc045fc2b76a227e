"""Where rounding could decide: the quick look finds the rows that the whole rule finds, in any shape."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rules.evaluation import columns
from rules.language import types
from rules.model import tree
from rules.model.facts import Column

numbers = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 5e-324, 0.3, 1e300, -1e-300])
steps = st.sampled_from([0.0, 1e-16, 1e-12, 9.99e-12, 1e-11, 1.01e-11, 1.9e-11, 2e-11, 2.1e-11, 1e-6, 1.0])


@st.composite
def pairs(draw):
    """Columns of one length, or one of them of one row; many values lie about as far apart as it matters."""
    left = draw(st.lists(numbers, min_size=0, max_size=8))
    near = [one * (1 + draw(steps) * draw(st.sampled_from([-1, 1]))) for one in left]
    shapes = [(left, near), (left, near[:1] or [1.0]), (near[:1] or [1.0], left)]
    return [np.array(side, float) for side in draw(st.sampled_from(shapes))]


@given(pairs())
def test_what_is_close_is_what_the_whole_rule_says(sides):
    with np.errstate(all="ignore"):
        a, b = sides
        wanted = np.abs(a - b) < 1e-11 * np.maximum(np.abs(a), np.abs(b))
    made = [Column(side, np.zeros(len(side), np.uint8)) for side in sides]
    before = [side.copy() for side in sides]
    assert np.array_equal(columns.close(*made), wanted)
    assert all(np.array_equal(side, old) for side, old in zip(sides, before, strict=True))


def test_a_tree_that_was_asked_for_metrics_is_the_same_tree():
    def compared(left):
        return tree.Not(item=tree.Compare(op="<", left=left, right=tree.Constant(value=Decimal(1), kind="number")))

    for left, has in ((tree.Metric(name="cr"), True), (tree.Name(text="body.amount"), False)):
        asked, untouched = compared(left), compared(left)
        assert [types.has_metric(asked) for _ in range(2)] == [has, has]
        assert (asked, hash(asked), repr(asked)) == (untouched, hash(untouched), repr(untouched))
        other = replace(asked, item=compared(tree.Metric(name="clicks")))
        assert types.has_metric(other) is True
