"""The raw editor offers the keys and words that the schema allows where the cursor stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.language.completion import complete
from tests.support.rule_texts import pause_rule

RULE = pause_rule(when="cr < 1%")


def offered(text):
    """The words that are offered at the mark |."""
    at = text.index("|")
    found = complete(text.replace("|", "", 1), at)
    return [one.word for one in found.options]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("schema: 1\nmo|", "mode"),
        ("schema: 1\nmode: sh|", "shadow"),
        ("schema: 1\nmode: |", "approve"),
        ("trigger: {ev|", "every"),
        ("trigger: {every: 15m, mi|}", "missed"),
        ("trigger: {every: 15m, missed: |", "run_once"),
        ("scope: {per: [off|", "offer"),
        ("scope: {per: [offer, pub|", "publisher"),
        ("scope:\n  pe|", "per"),
        ("data: {window: 24h, need: {cl|", "clicks"),
        ("data: {window: 24h, need: {clicks: 100}, fr|", "fresh"),
        ("data:\n  window: tod|", "today"),
        ("when:\n  an|", "any"),
        ("then:\n  - pa|", "pause"),
        ("then:\n- pause: off|", "offer"),
        ("then:\n  - pause: offer\n    ho|", "hold"),
        ("then: [{pause: offer, ho|", "hold"),
        ("guards:\n  at_most: {ta|", "targets"),
        ("guards:\n  if_over: |", "stop"),
        ("title: a {strange\nmo|", "mode"),
        ('title: "x: {y"\nmo|', "mode"),
    ],
)
def test_what_fits_at_the_cursor_is_offered(text, word):
    assert word in offered(text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("mode: live\nmo|", "mode"),  # stands there already
        ("then:\n  - pause: offer\n    wi|", "with"),  # `pause` takes none
        ("guards: {ho|", "hold"),
        ("# mo|", "mode"),
        ("then:\n  - pause: offer\ngu|", "id"),
    ],
)
def test_what_does_not_fit_is_not_offered(text, word):
    assert word not in offered(text)


def test_a_key_says_what_it_is_for_and_brings_its_colon():
    [one] = complete("schema: 1\nmod", 13).options
    assert (one.insert, complete("schema: 1\nmod", 13).start) == ("mode: ", 10)
    assert "shadow" in one.meaning


@given(st.integers(0, len(RULE)), st.text(alphabet=" \n-{}[]:,'\"#ab", max_size=8))
def test_no_text_breaks_it(at, typed):
    assert complete(RULE[:at] + typed + RULE[at:], at + len(typed)).start <= at + len(typed)
