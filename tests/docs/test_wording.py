"""No sentence says `1 rows`: a number beside a plural goes through `formatting.counted`."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOUNS = re.compile(
    r"""rows|effects|events|runs|rules|offers|files|errors|warnings|holds|plans|replays|items|calls|requests|conversions
    |clicks|looks|steps|targets|lines|cells|columns|subjects|pauses|checks|changes|users|tokens|accounts|sources
    |channels|imports|messages|tests|publishers|verdicts|evaluations|copies|notices""",
    re.VERBOSE,
)
#: Where the number is never 1, or is not a count of what follows.
NEVER_ONE = {
    ("bridge/cli/api_csv_progress.py", "in_a_row"),
    ("bridge/operations/attention.py", "row.failures"),
    ("bridge/operations/backtest.py", "len(revisions)"),
    ("bridge/operations/item_lookup.py", "len(self.accounts)"),
    ("bridge/store/service_alerts.py", "row.failures"),
    ("bridge/web/webhook_endpoint.py", "inside"),
    ("rules/backtest/backtest.py", "self._answers[Answer.NO_DECISION.word]"),
    ("rules/model/facts.py", "self.due"),
    ("rules/model/metrics.py", "name.removeprefix(EVENTS)"),
    ("rules/planning/streaks.py", "wanted.checks"),
}
MODULES = [
    path
    for package in ("bridge", "rules", "tasks")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "simulator" not in path.parts
]


def numbers_before_plurals(tree):
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, text in zip(node.values, node.values[1:], strict=False):
            if not isinstance(value, ast.FormattedValue) or not isinstance(text, ast.Constant):
                continue
            words = re.match(r" (?:[a-z]+ )?([a-z]+)\b", text.value)
            source = ast.unparse(value.value)
            if words and NOUNS.fullmatch(words[1]) and not re.fullmatch(r"[A-Z_][A-Z_0-9]*", source):
                yield value.lineno, source


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_number_beside_a_plural_is_counted(path):
    name = str(path.relative_to(ROOT))
    found = [one for one in numbers_before_plurals(ast.parse(path.read_text())) if (name, one[1]) not in NEVER_ONE]
    assert found == []
