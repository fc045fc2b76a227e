"""`hour`, `weekday` and `date` are the local time of the evaluation, in the zone of `data.tz`."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.evaluation.evaluate import evaluate
from rules.language import unparse
from rules.loading.load import load
from rules.loading.self_tests import run_tests

RULE = """schema: 1
id: a
trigger: {{every: 1h}}
scope: {{per: [offer]}}
data: {{tz: {tz}}}
when: ['{when}']
then: [{{notify: traffic}}]
tests: [{{given: {{now: "{now}"}}, expect: yes}}]
"""
moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - st adds it


def loaded(environment, when, *, tz="Europe/Berlin", now="2026-03-04T12:00:00"):
    return load(RULE.format(when=when, tz=tz, now=now), name="x.yaml", environment=environment, tests=False)


@pytest.mark.parametrize(
    ("when", "at", "wanted"),
    [
        ("hour >= 22 or hour < 6", "2026-03-04T21:30:00+00:00", 1),  # 22:30 in Berlin
        ("hour >= 22 or hour < 6", "2026-03-04T20:30:00+00:00", 0),
        ('weekday in ["sat", "sun"]', "2026-03-06T23:30:00+00:00", 1),  # Saturday in Berlin already
        ('weekday = "fri"', "2026-03-06T22:30:00+00:00", 1),
        ('date = "2026-12-24"', "2026-12-23T23:00:00+00:00", 1),
        ("hour = 3", "2026-03-29T01:00:00+00:00", 1),  # the clocks have gone forward
    ],
)
def test_the_time_is_local(environment, offers, when, at, wanted):
    [rule] = loaded(environment, when).revisions
    assert evaluate(rule, offers().add(1), datetime.fromisoformat(at)).answers.tolist() == [wanted]


@given(at=moments, zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu"]), hour=st.integers(0, 23))
def test_a_rule_and_its_own_test_agree_at_every_moment(environment, offers, at, zone, hour):
    text = f'hour >= {hour} and weekday != "mon" or date = "2026-05-01"'
    [rule] = loaded(environment, text, tz=zone, now=at.isoformat()).revisions
    [result] = run_tests(rule)
    assert evaluate(rule, offers().add(1), at).answers.tolist() == [result.verdict.answer]
    assert unparse.condition(rule.when.items[0]) == text


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ('weekday = "monday"', "did you mean 'mon'?"),
        ('weekday in ["sat", "sunday"]', "did you mean 'sun'?"),
        ("hour = 25", "hours are whole numbers from 0 to 23"),
        ('date = "24.12.2026"', 'write "2026-12-24"'),
        ('date > "2026-12-01"', "orders numbers and durations"),
    ],
)
def test_a_time_that_no_calendar_has_is_refused(environment, when, said):
    assert said in loaded(environment, when).errors[0].message
