"""Rules from a few lines of YAML, and facts from plain numbers."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import rules
from rules.loading.load import Environment, load
from rules.model.facts import Column, Subject, Why

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday, far from any change of the clocks


class Offers:
    """Facts as a timeline: each offer's amounts by the hour, `hours` back from now, so that windows are real."""

    def __init__(self, per=("offer",), now=NOW, horizon=timedelta(days=60)):
        self.per, self.now, self.horizon = per, now, horizon
        self.subjects, self.rows, self.fields = [], [], []
        self.coarse = {}
        self.read_at = now
        self.settles = []
        self.asked = []

    def add(self, *ids, fields: Mapping | None = None, settle: timedelta | None = None, **amounts):
        """`clicks=[(hours ago, amount), ...]`, or a plain amount: one hour ago."""
        self.subjects.append(Subject(self.per, tuple(str(one) for one in ids)))
        self.rows.append({name: _timeline(amount) for name, amount in amounts.items()})
        self.fields.append(fields or {})
        self.settles.append(settle)
        return self

    def measure(self, name, per, start, end):
        self.asked.append((name, per, start, end))
        rows = self.rows if per == self.per else [self.coarse.get(per, {})] * len(self.subjects)
        found = [self._within(row.get(name), start, end) for row in rows]
        return _column(found, float)

    def _within(self, timeline, start, end):
        if timeline is None or start < self.now - self.horizon:
            return None
        return sum(amount for age, amount in timeline if start <= self.now - age < end)

    def attribute(self, name):
        return _column([fields.get(name) for fields in self.fields], object)

    def as_of(self, name):
        return self.read_at

    def settle(self):
        return _column([None if s is None else s.total_seconds() for s in self.settles], float)


def _timeline(amount):
    if amount is None:
        return None
    if isinstance(amount, list):
        return [(timedelta(hours=hours), each) for hours, each in amount]
    return [(timedelta(hours=1), amount)]


def _column(found, kind):
    values = np.zeros(len(found), kind) if kind is float else np.empty(len(found), object)
    for row, value in enumerate(found):
        if value is not None:
            values[row] = value
    return Column(values, np.array([Why.MISSING if v is None else Why.KNOWN for v in found], np.uint8))


RULE = """schema: 1
id: rule
trigger: {{every: 15m}}
scope: {{per: [{per}]}}
data: {data}
when: {when}
{more}
then: {then}
"""
HOOK = """schema: 1
id: hook
trigger: {{webhook: {{source: crm}}}}
when: {when}
then: {then}
"""


@pytest.fixture(scope="session")
def now():
    return NOW


@pytest.fixture(scope="session")
def offers():
    return Offers


@pytest.fixture(scope="session")
def environment():
    return Environment(
        sources=frozenset({"crm", "postback"}),
        channels=frozenset({"traffic"}),
        tables={"budgets": ("offer", "daily"), "caps": ("offer", "publisher", "cap")},
        operations=frozenset({"landing_pages.create"}),
        accounts=frozenset({"main"}),
    )


@pytest.fixture(scope="session")
def rule(environment):
    """One rule per offer, from its `when` and whatever else matters."""

    def make(when, *, per="offer", data="{window: 24h}", then="[{notify: traffic}]", more="", text=RULE):
        loaded = load(
            text.format(when=when, per=per, data=data, then=then, more=more), name="rule.yaml", environment=environment
        )
        assert not loaded.errors, [str(problem) for problem in loaded.errors]
        return loaded.revisions[0]

    return make


@pytest.fixture(scope="session")
def hook(rule):
    """One rule on a webhook."""

    def make(when, then="[{notify: traffic}]"):
        return rule(when, then=then, text=HOOK)

    return make


@pytest.fixture(scope="session")
def library(environment):
    """The ready rules by the name of their file."""
    paths = sorted(Path(rules.__file__).parent.joinpath("library").glob("*.yaml"))
    return {path.stem: load(path.read_text(), name=path.name, environment=environment) for path in paths}
