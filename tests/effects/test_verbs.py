"""A verb is a row of one table and a handler of its name; everything else about it follows from the two."""

from pathlib import Path

import pytest

from bridge.effects import handlers
from bridge.effects.handlers import HANDLERS, job
from rules.language.schema import json_schema
from rules.loading.load import Environment, load
from rules.loading.reference import markdown
from rules.model.topics import FOR_RULES
from rules.model.verbs import VERBS

SHARED = {"__init__", "entities", "job", "passwords", "status"}  # what several handlers use


def rule(step):
    head = "schema: 1\nid: x\ntrigger: {webhook: {source: crm}}\nscope: {per: [offer], from: {offer: body.offer_id}}\n"
    return f"{head}then:\n- {step}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_a_handler(verb):
    assert callable(HANDLERS[verb])


def test_each_handler_has_a_verb():
    modules = {path.stem for path in Path(handlers.__file__).parent.glob("*.py")} - SHARED
    assert modules == set(VERBS)
    assert job.Job


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_is_in_the_schema_the_reference_and_the_topics(verb):
    steps = json_schema()["properties"]["then"]["items"]["oneOf"]
    assert any(verb in step["properties"] for step in steps)
    assert VERBS[verb].meaning in markdown()
    assert VERBS[verb].topic is None or VERBS[verb].topic in FOR_RULES


@pytest.mark.parametrize("verb", VERBS)
def test_the_example_of_each_verb_is_a_step_that_loads(verb):
    assert load(rule(VERBS[verb].example), name="x.yaml", environment=Environment()).errors == ()


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_says_how_it_is_undone_or_why_it_cannot_be(verb):
    assert (VERBS[verb].inverse in VERBS) != bool(VERBS[verb].one_way)
