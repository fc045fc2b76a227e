"""One word of a rule file is changed, and nothing else."""

import pytest

from rules.language.rewrite import NotRewritable, with_mode
from rules.model.revision import Mode


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("id: a\nmode: shadow  # first\ntitle: x\n", "id: a\nmode: live  # first\ntitle: x\n"),
        ('id: a\nmode: "shadow"\n', 'id: a\nmode: "live"\n'),
        ("# why\nid: a\ntitle: x\n", "# why\nid: a\nmode: live\ntitle: x\n"),
        ("id: b\nmode: shadow\n---\nid: a\nmode: approve\n", "id: b\nmode: shadow\n---\nid: a\nmode: live\n"),
        ("id: a\r\nmode: shadow\r\n", "id: a\r\nmode: live\r\n"),
    ],
)
def test_comments_order_and_neighbours_stay(before, after):
    assert with_mode(before, "a", Mode.LIVE) == after


def test_a_rule_that_is_not_there_cannot_be_moved():
    with pytest.raises(NotRewritable):
        with_mode("id: b\n", "a", Mode.LIVE)
