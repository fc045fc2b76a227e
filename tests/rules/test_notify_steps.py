"""One `notify` step for several channels: a text for each, a severity, and the address of the run."""

from dataclasses import replace

import pytest

from rules.language.render import to_yaml
from rules.loading.load import load

RULE = """schema: 1
id: a
trigger: {every: 1h}
scope: {per: [offer]}
when: [clicks > 5]
then:
  - %s
"""


@pytest.fixture
def channels(environment):
    return replace(environment, channels=frozenset({"traffic", "ops"}))


def read(environment, step):
    return load(RULE % step, name="x.yaml", environment=environment)


def test_each_channel_is_a_step_with_its_text(channels):
    step = (
        '{id: tell, notify: [traffic, ops], with: {severity: critical, text: {traffic: "hi {{ offer.id }}", ops: yo}}}'
    )
    [rule] = read(channels, step).revisions
    assert [(one.id, one.target) for one in rule.then] == [("tell", "traffic"), ("2", "ops")]
    assert rule.then[0].values["text"].text == "hi {{ offer.id }}"
    assert rule.then[1].values == {"severity": "critical", "text": "yo"}
    again = load(to_yaml(rule), name="x.yaml", environment=channels)
    assert again.revisions[0].hash == rule.hash


def test_one_text_is_for_all(channels):
    [rule] = read(channels, "{notify: [traffic, ops], with: {text: hi}}").revisions
    assert [one.values["text"] for one in rule.then] == ["hi", "hi"]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("{notify: [traffic, op], with: {text: hi}}", "did you mean 'ops'?"),
        ("{notify: [], with: {text: hi}}", "names no channel"),
        ("{notify: [traffic, ops], with: {text: {traffic: hi}}}", "what is ops told?"),
        ("{notify: [traffic, ops], with: {text: {trafic: hi, traffic: a, ops: b}}}", "did you mean 'traffic'?"),
        ("{notify: traffic, with: {text: hi, severity: crticial}}", "did you mean 'critical'?"),
    ],
)
def test_what_is_wrong_is_named(channels, step, words):
    problems = [problem.message for problem in read(channels, step).errors]
    assert any(words in one for one in problems), problems
