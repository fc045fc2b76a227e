"""Rules that people write elsewhere, said in this language.

From the help pages of Everflow (SmartSwitch, alerts, smart links), TUNE, Voluum (Automizer), RedTrack, TheOptimizer,
Content.ad and MyBid, and what Home Assistant, Alertmanager and Prometheus have for the same.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from rules.language.render import to_yaml
from rules.loading.lint import unbounded
from rules.loading.load import load
from rules.loading.self_tests import run_tests

TEXT = (Path(__file__).parent / "peers.yaml").read_text()
NAMES = [line.removeprefix("id: ") for line in TEXT.splitlines() if line.startswith("id: ")]


@pytest.fixture(scope="module")
def environment(environment):
    tables = {"caps": ("offer_id", "daily", "cpa"), "pairs": ("offer", "publisher", "cap"), "vips": ("publisher_id",)}
    return replace(environment, channels=frozenset({"traffic", "ops"}), tables={**environment.tables, **tables})


@pytest.fixture(scope="module")
def loaded(environment):
    return load(TEXT, name="peers.yaml", environment=environment)


def test_all_of_them_can_be_said(loaded):
    assert [str(problem) for problem in loaded.errors] == []
    assert [one.id for one in loaded.revisions] == NAMES
    assert len(NAMES) >= 60
    assert [str(problem) for one in loaded.revisions for problem in unbounded(one)] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_decides_as_its_tests_say_and_reads_as_it_is_printed(environment, loaded, name):
    rule = next(one for one in loaded.revisions if one.id == name)
    results = run_tests(rule)
    assert results
    assert [one.message for one in results if not one.passed] == []
    assert load(to_yaml(rule), name="x.yaml", environment=environment).revisions[0].hash == rule.hash
