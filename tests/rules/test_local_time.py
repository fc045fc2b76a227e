"""`hour`, `weekday` and `date` are the local time of the evaluation, in the zone of `data.tz`."""

import operator
from datetime import UTC, date, datetime

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
OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
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
        ('date >= "2026-12-24"', "2026-12-23T23:00:00+00:00", 1),
        ('date < "2026-12-24"', "2026-12-23T23:00:00+00:00", 0),
        ('date >= "2026-12-24" and date <= "2027-01-06"', "2026-12-23T22:59:00+00:00", 0),
        ('"2026-12-24" <= date', "2027-12-23T12:00:00+00:00", 1),
        ("date < offer.description", "2026-12-23T12:00:00+00:00", 1),
        ("date < offer.name", "2026-12-23T12:00:00+00:00", -1),  # a moment is not a day
        ("date < offer.visibility", "2026-12-23T12:00:00+00:00", -1),
    ],
)
def test_the_time_is_local(environment, offers, when, at, wanted):
    [rule] = loaded(environment, when).revisions
    fields = {
        "offer.description": "2026-12-24",
        "offer.name": "2026-12-24T00:00:00+01:00",
        "offer.visibility": "soon",
    }
    found = evaluate(rule, offers().add(1, fields=fields), datetime.fromisoformat(at))
    assert found.answers.tolist() == [wanted]


@given(first=st.dates(date(2020, 1, 1), date(2090, 1, 1)), at=moments, op=st.sampled_from(["<", "<=", ">", ">="]))
def test_dates_come_one_after_the_other(environment, offers, first, at, op):
    text = f'date {op} "{first}"'
    [rule] = loaded(environment, text, tz="UTC", now=at.isoformat()).revisions
    wanted = OPERATORS[op](at.date(), first)
    assert evaluate(rule, offers().add(1), at).answers.tolist() == [wanted]
    assert run_tests(rule)[0].verdict.answer == wanted
    assert unparse.condition(rule.when.items[0]) == text


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
        ('date > "1.12.2026"', 'write "2026-12-24"'),
        ("date > upper(offer.name)", "orders numbers, durations and dates, not a text"),
        ('weekday > "mon"', "orders numbers, durations and dates, not a text"),
    ],
)
def test_a_time_that_no_calendar_has_is_refused(environment, when, said):
    assert said in loaded(environment, when).errors[0].message
