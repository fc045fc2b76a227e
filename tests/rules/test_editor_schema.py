from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

from rules.language import strict_yaml
from rules.language.render import to_yaml
from rules.language.schema import json_schema
from rules.loading.load import load
from rules.loading.reference import markdown

HERE = Path(__file__).parent
READY = [*sorted((HERE.parents[1] / "rules" / "library").glob("*.yaml")), HERE / "design.yaml"]
SHAPES = [
    "unknown-key",
    "unknown-key-in-guards",
    "yes-is-no-boolean",
    "octal-number",
    "duration-without-unit",
    "share-without-percent",
    "mode-typo",
    "two-triggers",
    "unknown-window",
    "step-typo",
    "ensure-without-key",
    "hold-typo",
    "for-typo",
    "test-expects-something-else",
]


def as_json(held):
    if isinstance(held, dict):
        return {key: as_json(value) for key, value in held.items()}
    if isinstance(held, list):
        return [as_json(value) for value in held]
    return float(held) if isinstance(held, Decimal) else held


@pytest.fixture(scope="module")
def complaints():
    """What an editor would underline in a text."""
    validator = jsonschema.Draft202012Validator(json_schema())

    def find(text):
        roots = [document.root for document in strict_yaml.documents(text, "f")]
        return [error.message for root in roots for error in validator.iter_errors(as_json(strict_yaml.data(root)))]

    return find


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_an_editor_finds_nothing_wrong_with_a_good_rule(complaints, environment, path):
    text = path.read_text()
    assert complaints(text) == []
    assert [
        complaints(to_yaml(revision)) for revision in load(text, name="f", environment=environment).revisions
    ].count([]) > 0


@pytest.mark.parametrize("mistake", SHAPES)
def test_an_editor_sees_a_wrong_shape_while_one_types(complaints, mistake):
    assert complaints((HERE / "mistakes" / f"{mistake}.yaml").read_text())


def test_the_reference_page_has_no_gap_and_knows_every_metric_and_step():
    page = markdown()
    assert "<!--" not in page
    words = ("cr", "rejection_rate", "ensure", "archive", "guards.canary", "release")
    assert all(f"`{word}`" in page for word in words)
