"""How strong the evidence is, as a sentence says it."""

import pytest

from rules.evaluation.sentences import strength


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0612, "0.0612"), (20.0, "20"), (84.94, "84.9"), (999.4, "999"), (999.6, "1,000"), (3.84e4, "38,400"),
     (2.5e9, "2,500,000,000")],
)  # fmt: skip
def test_it_is_a_plain_number(value, said):
    assert strength(value) == said
