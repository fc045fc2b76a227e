"""Values in the address of an `http` step are encoded by their place, so that no event can change its structure."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.outbound.http_action import _with_query
from bridge.outbound.http_client import METHODS
from rules.evaluation.evaluate import evaluate
from rules.evaluation.events import EventFacts
from rules.language.actions import HTTP_METHODS
from rules.loading.load import Environment, load
from rules.model.state import State
from rules.planning.plan import plan
from tests.rules.conftest import HOOK, NOW

text = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=20)


def loaded(url):
    then = f"[{{http: {{url: '{url}'}}}}]"
    return load(HOOK.format(when="[true]", then=then), name="x.yaml", environment=Environment())


def address(url, body):
    [rule] = loaded(url).revisions
    evaluation = evaluate(rule, EventFacts(body, {"id": "e"}), NOW)
    return plan(rule, evaluation, State(), NOW).effects[0].wanted["url"]


@given(value=text)
def test_a_value_in_a_query_arrives_as_it_was_sent(value):
    url = urlsplit(address("https://x.example/in?a={{ body.v }}&b=1", {"v": value}))
    assert parse_qs(url.query, keep_blank_values=True) == {"a": [value], "b": ["1"]}


@given(value=text)
def test_a_value_in_a_path_is_one_part_of_it(value):
    url = urlsplit(address("https://x.example/in/{{ body.v }}/end?x=1", {"v": value}))
    assert (url.path.count("/"), url.path.split("/")[3], url.query) == (3, "end", "x=1")


def test_the_case_that_became_other_parameters():
    assert address("https://x.example/?q={{ body.v }}", {"v": "c+d&e=f#g"}) == "https://x.example/?q=c%2Bd%26e%3Df%23g"


@pytest.mark.parametrize("url", ["https://{{ body.h }}/x", "https://a.{{ body.h }}:1/x", "{{ body.h }}/x"])
def test_a_value_in_the_host_is_refused(url):
    assert "cannot stand in the host" in loaded(url).errors[0].message


def test_an_address_that_is_one_value_stays_as_it_is():
    assert address("{{ body.url }}", {"url": "https://a.example/b?c=d"}) == "https://a.example/b?c=d"


def test_query_leaves_the_rest_of_the_address_alone():
    found = _with_query("https://a.example/x%2Fy?b=%20c#top", {"d": "e f", "n": 23851234567890322})
    assert found == "https://a.example/x%2Fy?b=%20c&d=e+f&n=23851234567890322#top"


@pytest.mark.parametrize(("method", "errors"), [("PUT", 0), ("delete", 0), ("PSOT", 1), ("", 1), ("{{ body.m }}", 0)])
def test_a_method_that_is_none_is_refused_where_the_rule_is_read(method, errors):
    assert len(loaded(f"https://a.example/', method: '{method}").errors) == errors


def test_the_methods_of_rules_are_those_that_are_sent():
    assert {*HTTP_METHODS} == METHODS
