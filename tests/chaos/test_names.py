"""The rounds ask their helpers by names that exist: most of them run only before a release."""

import ast
from importlib import import_module
from pathlib import Path

import chaos
import pytest

MODULES = sorted(Path(chaos.__file__).parent.glob("[a-z]*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_what_a_module_of_the_rounds_asks_of_another_is_there(path):
    tree = ast.parse(path.read_text())
    imports = [one for one in ast.walk(tree) if isinstance(one, ast.ImportFrom) and one.module == "chaos"]
    beside = {one.name: import_module(f"chaos.{one.name}") for statement in imports for one in statement.names}
    asked = [
        (one.value.id, one.attr)
        for one in ast.walk(tree)
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id in beside
    ]
    assert [f"{name}.{attribute}" for name, attribute in asked if not hasattr(beside[name], attribute)] == []
