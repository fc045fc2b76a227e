"""A rule to ask facts with."""

from typing import Any

from rules.loading.load import load
from rules.model.environment import Environment
from rules.model.revision import Revision
from tests.support.rule_texts import pause_rule

TEXT = pause_rule(
    title="Pause offers that do not convert",
    where="",
    clicks=50,
    fresh=", fresh: 1h",
    when="cr < 1%",
    guards="",
)


def rule(text: str = TEXT, **known: Any) -> Revision:
    loaded = load(text, name="rule.yaml", environment=Environment(**known))
    assert loaded.revisions, [str(problem) for problem in loaded.problems]
    return loaded.revisions[0]
