"""Every key of a rule has one sentence, one example that works, and says what holds without it."""

import pytest
import yaml

from rules.language.keys import KEYS
from rules.language.schema import json_schema, properties
from rules.loading.load import load
from rules.loading.reference import markdown
from rules.model.verbs import VERBS

PATHS = sorted({path for path, _ in properties(json_schema())})
BASE = """
schema: 1
id: base
trigger: {every: 15m}
scope: {per: [offer]}
data: {need: {clicks: 500}}
when: [clicks > 100]
then: [{pause: offer}]
"""


def is_verb(path):
    section, _, name = path.partition(".")
    return section == "then" and name in VERBS


@pytest.mark.parametrize("path", [path for path in PATHS if not is_verb(path)])
def test_each_key_has_a_sentence_and_an_example(path):
    assert KEYS[path].meaning.endswith(".")
    assert f"| `{path}` | {KEYS[path].meaning} |" in markdown()


def test_nothing_is_explained_that_is_no_key():
    assert set(KEYS) <= set(PATHS)


@pytest.mark.parametrize("path", KEYS)
def test_each_example_works_and_uses_its_key(environment, path):
    example = KEYS[path].example
    assert path.rpartition(".")[2] in example
    section = next(iter(yaml.safe_load(example)))
    kept = [line for line in BASE.strip().splitlines() if not line.startswith(f"{section}:")]
    if section == "lose_at_most":
        kept = [line for line in kept if not line.startswith("when")]
        kept += ["when: [cr < 0.40% @95% a month]", "release: {probation: {clicks: 500}}"]
    if "webhook" in example or "body." in example:
        kept = [line for line in kept if not line.startswith(("scope", "trigger", "data", "when", "then"))]
        kept += ["trigger: {webhook: {source: crm}}"] * (section != "trigger")
        kept += ["then: [{notify: traffic}]"] * (section != "then")
    loaded = load("\n".join([*kept, example]), name="x.yaml", environment=environment)
    assert loaded.errors == ()
