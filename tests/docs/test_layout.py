"""A newcomer finds things by name: few packages, nouns, and a container that only its users know."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Modules that end like a gerund and are nouns of the trade.
NOUNS = {"broken_tracking", "formatting", "log_scrubbing", "polling", "ranking", "rule_matching", "screening"}
NOUNS |= {"spelling", "tracing"}


def names(package):
    found = [one for one in (ROOT / package).iterdir() if not one.name.startswith(("_", "."))]
    return {one.stem for one in found if one.suffix == ".py" or (one / "__init__.py").exists()}


def test_bridge_has_at_most_sixteen_names():
    assert len(names("bridge")) <= 16


def test_rules_has_six_packages():
    assert names("rules") == {"backtest", "evaluation", "language", "loading", "model", "planning"}


def test_no_module_is_called_by_a_gerund():
    gerunds = {path.stem for top in ("bridge", "rules", "tasks") for path in (ROOT / top).rglob("*.py")}
    assert {one for one in gerunds if one.endswith("ing")} - NOUNS == set()


@pytest.mark.parametrize("package", ["notifications", "decisions", "effects", "reports", "observability", "outbound"])
def test_the_container_is_handed_to_nothing_below_operations(package):
    """Not as an annotation, not as an import, and not under another name: no parameter is called after it either."""
    for path in (ROOT / "bridge" / package).rglob("*.py"):
        tree = ast.parse(path.read_text())
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        parameters = {
            one.arg
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)
            for one in (*node.args.args, *node.args.kwonlyargs)
        }
        assert "Services" not in imported, path
        assert "services" not in parameters, path
