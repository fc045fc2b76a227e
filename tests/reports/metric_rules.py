"""A rule to ask facts with."""

from typing import Any

from rules.loading.load import load
from rules.model.environment import Environment
from rules.model.revision import Revision

TEXT = """
schema: 1
id: low-cr
title: Pause offers that do not convert
mode: live
trigger: {every: 15m}
scope: {per: [offer]}
data: {window: 24h, need: {clicks: 50}, fresh: 1h}
when: {all: [cr < 1%]}
then: [{pause: offer, hold: 12h}]
"""


def rule(text: str = TEXT, **known: Any) -> Revision:
    loaded = load(text, name="rule.yaml", environment=Environment(**known))
    assert loaded.revisions, [str(problem) for problem in loaded.problems]
    return loaded.revisions[0]
