from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.loading.derived_values import _value, solve
from rules.loading.load import load
from rules.loading.self_tests import run_tests
from rules.model import metrics


@pytest.fixture
def tested(environment):
    """The answers of a rule to several `given`s."""

    def run(when, *givens, data="{}", more="", per="offer"):
        tests = "".join(f"  - {{given: {given}, expect: no}}\n" for given in givens)
        text = f"""schema: 1
id: a
trigger: {{every: 1h}}
scope: {{per: [{per}], join: {{budgets: offer.id}}}}
data: {data}
when: ['{when}']
{more}
then: [{{notify: traffic}}]
tests:
{tests}"""
        loaded = load(text, name="f", environment=environment, tests=False)
        assert not loaded.errors, loaded.errors
        return [result.verdict.answer.word for result in run_tests(loaded.revisions[0])]

    return run


def test_a_plain_metric_is_the_one_of_the_rules_own_window(tested):
    assert tested("clicks > 5", "{clicks: 6}", "{clicks: 5}", "{}") == ["yes", "no", "no_decision"]


def test_another_window_has_its_own_key_and_falls_back_on_the_plain_one(tested):
    answers = tested("clicks over 1h > 5", "{clicks: 9, clicks_1h: 2}", "{clicks: 9}", "{clicks_1h: 9}")
    assert answers == ["no", "yes", "yes"]


def test_a_baseline_never_falls_back(tested):
    assert tested("cr down 50% vs 7d", "{cr: 1%}", "{cr: 1%, cr_7d: 3%}") == ["no_decision", "yes"]


def test_a_baseline_as_long_as_the_window_has_the_key_of_its_length(tested):
    givens = "{clicks: 3024, clicks_24h: 2520}", "{clicks: 3023, clicks_24h: 2520}", "{clicks: 3024}"
    assert tested("clicks up 20% vs 24h", *givens, data="{window: 24h}") == ["yes", "no", "no_decision"]


def test_the_past_has_a_key_of_its_own(tested):
    when = "clicks over 1h > 3 * clicks over 1h ago 7d"
    assert tested(when, "{clicks_1h: 9, clicks_1h_ago_7d: 2}", "{clicks_1h: 9}") == ["yes", "no_decision"]


def test_a_derived_metric_stands_for_its_parts(tested):
    assert tested("cr < 1% @95%", "{cr: 0.5%}", "{clicks: 100, cr: 0.5%}") == ["yes", "no"]
    assert tested("margin < 10%", "{margin: 5%}", "{revenue: 100, payout: 20}") == ["yes", "no"]
    assert tested("profit < 0 and revenue = 10", "{profit: -5, revenue: 10}") == ["yes"]


def test_peers_the_network_and_other_dimensions_can_be_given(tested):
    assert tested("cr down 50% vs peers", "{cr: 1%, cr_peers: 4%}", "{cr: 1%, cr_peers: 1%}") == ["yes", "no"]
    assert tested("network.clicks = 0", "{network.clicks: 0}", "{}") == ["yes", "no_decision"]
    assert tested("advertiser.clicks = 0", "{advertiser.clicks: 0}") == ["yes"]


def test_tables_and_entities_can_be_given(tested):
    assert tested("payout > budgets.daily", "{payout: 9, budgets: {daily: 5}}", "{payout: 9}") == ["yes", "no_decision"]
    assert tested("offer.active", "{offer: {active: true}}", "{offer.active: false}") == ["yes", "no"]
    assert tested("offer.id in [7]", "{offer: 7}", "{offer: {id: 8}}") == ["yes", "no"]


def test_a_forecast_takes_its_slope_from_the_last_hour(tested):
    answers = tested("forecast payout > 100 within 30m", "{payout: 90, payout_1h: 30}", "{payout: 90, payout_1h: 10}")
    assert answers == ["yes", "no"]


def test_same_hours_share_the_given_amount_among_the_days(tested):
    when = "clicks up 100% vs 7d same hours"
    assert tested(when, "{clicks: 20, clicks_7d: 70}", "{clicks: 19, clicks_7d: 70}", data="{window: 1h}") == [
        "yes",
        "no",
    ]


def test_the_age_of_the_data_and_the_moment_can_be_given(tested):
    assert tested("clicks = 0", "{clicks: 0, data_age: 2h}", "{clicks: 0}", data="{fresh: 1h}") == [
        "no_decision",
        "yes",
    ]
    given = '{now: "2026-05-01T00:00:00", offer: {created_at: "2026-04-30T00:00:00Z"}}'
    assert tested("age(offer.created_at) = 24h", given) == ["yes"]


def test_an_exception_about_which_a_test_says_nothing_does_not_hold(tested):
    more = "unless: [advertiser.conversions = 0, impressions > 5]"
    assert tested("clicks > 5", "{clicks: 6}", "{clicks: 6, advertiser.conversions: 0}", more=more) == ["yes", "no"]


def test_a_test_can_ask_for_the_effects(environment):
    text = """schema: 1
id: a
trigger: {webhook: {source: crm}}
then:
  - {id: pub, ensure: publisher, key: {email: "{{ body.email }}"}}
  - {notify: traffic, with: {text: hello}}
tests:
  - given: {body: {email: a@b.example}}
    expect: yes
    effects: [ensure publisher email=a@b.example, notify traffic]
  - {given: {body: {}}, expect: yes, effects: []}
"""
    loaded = load(text, name="f", environment=environment)
    assert not loaded.errors


@pytest.mark.parametrize(
    ("when", "given", "wanted"),
    [
        ("profit < -50", "{profit: -60}", "yes"),
        ("profit < -100", "{profit: -60}", "no"),
        ("profit > 50", "{profit: 60}", "yes"),
        ("margin < -5%", "{margin: -10%}", "yes"),
        ("margin < -15%", "{margin: -10%}", "no"),
        ("margin = 25% and profit = 50", "{revenue: 200, margin: 25%}", "yes"),
        ("cpa = 5 and cr = 1%", "{cr: 1%, cpa: 5}", "yes"),
        ("epc = 0.1 and clicks = 30", "{clicks: 30, epc: 0.1}", "yes"),
        ("profit <= -60 and margin <= -10% and revenue = 600", "{profit: -60, margin: -10%}", "yes"),
        ("profit = 10 and clicks = 100", "{profit: 10, epc: 0.1, rpc: 0.2}", "yes"),
        ("profit = 5 and margin = 100% and epc = 0", "{profit: 5, margin: 100%, epc: 0}", "yes"),
        ("clicks up 50% vs 7d same hours", "{clicks: 150, clicks_7d: 700}", "yes"),
        ("clicks up 50% vs 7d same hours", "{clicks: 149, clicks_7d: 700}", "no"),
    ],
)
def test_a_derived_value_is_exactly_what_the_test_says(tested, when, given, wanted):
    assert tested(when, given) == [wanted]


@pytest.mark.parametrize(
    ("when", "given", "said"),
    [
        ("clicks over 1h > 3", "{clicks_60m: 9}", "it asks for clicks or clicks_1h"),
        ("clicks > 3", "{payout: 9}", "does not ask for 'payout'; leave it out"),
        ("cr < 1%", "{clikcs: 9}", "did you mean 'clicks'?"),
        ("cr < 1%", "{clicks: 100, conversions: 5, cr: 1%}", "'cr' does not fit the other values of the test"),
        ('offer.name = "x"', "{offer.nam: x}", "did you mean 'offer.name'?"),
        ("clicks > 3", "{body: {a: 1}}", "does not ask for 'body'"),
        ("clicks > 3", "{clicks: 5, last_effect: 1h}", "write it under `state`"),
    ],
)
def test_what_the_rule_never_asks_for_is_an_error_with_the_right_key(environment, when, given, said):
    text = f"""schema: 1
id: a
trigger: {{every: 1h}}
scope: {{per: [offer]}}
when: ['{when}']
then: [{{notify: traffic}}]
tests: [{{given: {given}, expect: yes}}]"""
    found = load(text, name="f", environment=environment, tests=False)
    assert said in "".join(problem.message for problem in found.errors)


HOURLY = """schema: 1
id: a
trigger: {every: 15m}
scope: {per: [offer]}
data: {window: this_hour, need: {clicks: 5}, tz: ZONE}
when: [clicks > 10]
then: [{pause: offer}]
tests: [{given: GIVEN, expect: yes}]
"""


def hourly(environment, zone, given):
    text = HOURLY.replace("ZONE", zone).replace("GIVEN", given)
    loaded = load(text, name="f", environment=environment, tests=False)
    return run_tests(loaded.revisions[0])[0].message


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Eucla", "America/St_Johns"])
def test_an_hour_has_begun_where_a_test_does_not_say_when_it_is(environment, zone):
    assert hourly(environment, zone, "{clicks: 20}") == ""


def test_an_hour_that_has_just_begun_is_told_in_the_zone_of_the_rule(environment):
    told = hourly(environment, "Asia/Kolkata", '{clicks: 20, now: "2026-01-14T12:30:00"}')
    assert told.endswith("at 14 Jan 2026 18:00 IST no part of `this_hour` is over: give a later `now`")


amounts = st.fractions(0, 1000, max_denominator=100)


@given(st.dictionaries(st.sampled_from(metrics.BASE), amounts), st.sets(st.sampled_from(sorted(metrics.DERIVED))))
def test_values_that_come_from_one_set_of_amounts_always_fit(base, names):
    full = {name: base.get(name, Fraction(1)) for name in metrics.BASE}
    derived = {name: _value(metrics.DERIVED[name], full) for name in names}
    known = {name: value for name, value in derived.items() if value is not None}
    assert not solve(full, known).mismatches
    for name, value in known.items():
        assert _value(metrics.DERIVED[name], solve({}, {name: value}).amounts) == value
