"""Numbers of a rule text are changed one by one; everything else stays as it was written."""

import pytest

from bridge.operations.rule_templates import library
from rules.language.edit import header, numbers, values, with_header, with_notice, with_numbers, without_tests
from rules.language.rewrite import NotRewritable
from rules.loading.load import load
from rules.model.environment import Environment

TEXT = """\
# ours since March
schema: 1
id: low-cr   # do not rename
title: 'Low rate: pause'
trigger: {every: 15m}
scope: {per: [offer], except: {offer.id: [7, 8]}}
data: {window: 24h, need: {clicks: 500}}   # 500 is the least
when:
  all:
    - cr < 0.40% @95%
    - 'offer.name matches "^Sale 5"'
then: [{pause: offer, hold: 12h}]
tests:
  - {given: {clicks: 2000, conversions: 1}, expect: yes}
  - name: few
    given: {clicks: 9}
    expect: no_decision
"""


@pytest.mark.parametrize("template", library(), ids=lambda one: one.name)
def test_writing_the_same_numbers_changes_no_character(template):
    same = {one.name: one.text for one in numbers(template.text)}
    assert with_numbers(template.text, same) == template.text


@pytest.mark.parametrize("template", library(), ids=lambda one: one.name)
def test_every_number_stands_where_it_is_said_to_stand(template):
    lines = template.text.split("\n")
    for one in numbers(template.text):
        assert lines[one.line - 1].startswith(one.text, one.column - 1)


def test_one_number_is_changed_and_comments_stay():
    found = with_numbers(TEXT, {"data.need.clicks": "800", "when.all.0#0": "0.55%"})
    assert found == TEXT.replace("clicks: 500}", "clicks: 800}").replace("0.40%", "0.55%")


def test_numbers_in_quotes_in_ids_and_in_tests_are_none_of_them():
    assert {one.name for one in numbers(TEXT)} == {
        "trigger.every", "data.window", "data.need.clicks", "when.all.0#0", "when.all.0#1", "then.0.hold",
    }  # fmt: skip


@pytest.mark.parametrize("wrong", ["", "many", "12h, window: 3d", "1 2", "0.4% # x", "9" * 40, "12h\n  x: 1"])
def test_what_is_no_number_is_refused(wrong):
    with pytest.raises(NotRewritable, match="is not a number"):
        with_numbers(TEXT, {"then.0.hold": wrong})


def test_a_number_that_is_not_there_is_refused():
    with pytest.raises(NotRewritable, match="no such number"):
        with_numbers(TEXT, {"guards.cooldown": "1h"})


def test_a_text_that_is_no_yaml_has_no_numbers():
    assert values("a: [") == []
    assert header("a: [") == {}


@pytest.mark.parametrize("title", ["Sale: pause # now", 'say "hi"', "yes", "- x", "{a}", "Grüße", "a, b (c)"])
def test_any_title_is_read_back_as_it_was_written(title):
    found = with_header(TEXT, {"title": title, "owner": "me: you"})
    assert header(found) == {"id": "low-cr", "title": title, "owner": "me: you"}
    assert "# do not rename" in found


def test_an_empty_title_is_taken_out():
    assert "title" not in header(with_header(TEXT, {"title": ""}))


def test_tests_are_taken_out_by_their_lines():
    assert "few" not in without_tests(TEXT, {15})
    assert "2000" in without_tests(TEXT, {15})
    gone = without_tests(TEXT, {14, 15})
    assert "tests" not in gone
    assert load(gone, name="x", environment=Environment()).errors == ()


@pytest.mark.parametrize(
    ("notify", "then"),
    [
        ("", "notify: [{about: [paused, error], to: [ops]}]\n"),
        (
            "notify: [{about: [late], to: [traffic]}]  # ours\n",
            "notify: [{about: [paused, error], to: [ops]}, {about: [late], to: [traffic]}]  # ours\n",
        ),
        (
            "notify:\n  # first\n  - about: [late]\n    to: [traffic]\n",
            "notify:\n  # first\n  - {about: [paused, error], to: [ops]}\n  - about: [late]\n    to: [traffic]\n",
        ),
        ("notify: []\n", "notify: [{about: [paused, error], to: [ops]}]\n"),
    ],
)
def test_a_channel_is_told_of_more_and_the_rest_stays(notify, then):
    head, _, tests = TEXT.partition("tests:")
    rest = f"# what must hold\ntests:{tests}"
    assert with_notice(head + notify + rest, "ops", ["paused", "error"]) == head + then + rest


@pytest.mark.parametrize("odd", ["notify: {about: [late], to: [traffic]}\n", "notify: all\n"])
def test_a_notice_of_another_form_is_left_to_a_person(odd):
    with pytest.raises(NotRewritable, match="only a person"):
        with_notice(TEXT + odd, "ops", ["paused"])
