import re
from contextlib import suppress

import pytest
from examples import times
from hypothesis import given
from hypothesis import strategies as st

from rules.language.patterns import MAX_SUBJECT, Pattern, PatternError

atoms = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", r"\S", "^", "$", r"\.", "x-", "[a-c]", "[]a]"])
patterns = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "*?", "{0}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=8,
)


@times(8)
@given(patterns, st.text(alphabet="abcx1-. ", max_size=8))
def test_a_pattern_finds_what_pythons_own_would_find(pattern, subject):
    try:
        found = Pattern(pattern).found_in(subject)
    except PatternError:
        return
    # There, `$` also stands before a last line feed; here it is the very end.
    assert found == bool(re.search(pattern.replace("$", r"\Z"), subject))


@given(st.text(max_size=40), st.text(max_size=10))
def test_any_text_is_a_pattern_or_a_described_error(pattern, subject):
    with suppress(PatternError):
        Pattern(pattern).found_in(subject)


@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|a)*b", "(a+)+b", "a*a*a*a*a*b", "(.*,){8}x", "(x+x+)+y"])
def test_patterns_that_ruin_others_are_walked_once(pattern):
    assert not Pattern(pattern).found_in("a" * MAX_SUBJECT)


def test_the_case_can_be_left_open():
    assert Pattern("(?i)^ann@").found_in("ANN@x.example")
    assert not Pattern("^ann@").found_in("ANN@x.example")


def test_a_subject_beyond_the_limit_is_refused():
    with pytest.raises(ValueError, match="is not searched"):
        Pattern("a").found_in("a" * (MAX_SUBJECT + 1))


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("a**", "two repetitions"),
        ("*a", "nothing before it"),
        ("(a", "never closed"),
        ("a)", "without its"),
        ("[a", "never closed"),
        ("[b-a]", "backwards"),
        (r"\1", "is not known"),
        ("a{1,900}", "to at most 200"),
        ("a{x}", "must hold numbers"),
        ("(?<=a)b", "is only known as"),
        ("a" * 201, "200 are allowed"),
        ("(" * 30 + ")" * 30, "too deeply"),
        ("((a{20}){20}){20}", "too large"),
    ],
)
def test_a_pattern_outside_the_set_says_why(pattern, said):
    with pytest.raises(PatternError, match=said):
        Pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "subject"),
    [
        (r"^\w+$", "\u00e9_9"),
        (r"^\d$", "\u0663"),
        (r"^[\w.]+@", "\u00fc.@"),
        (r"^\s$", "\u2003"),
        ("(?i)^\u00c9$", "\u00e9"),
    ],
)
def test_classes_know_the_letters_of_the_world(pattern, subject):
    assert Pattern(pattern).found_in(subject)


def test_a_pattern_that_is_refused_writes_nothing_to_the_standard_error_output(capfd):
    with pytest.raises(PatternError):
        Pattern("(a{200}){200}")
    assert capfd.readouterr().err == ""
