"""What `check` says about rules that judge a ratio: figures that fit their window, and data that nobody reads."""

import re

import pytest

from bridge.operations.check import check_home
from bridge.operations.rule_costs import typical_costs_in_home

YAML = """
accounts:
  main: {base_url: "http://integr8.test", api_key: "${KEY}", integrations: {default: "${KEY}"}POLL}
"""
RULE = """
schema: 1
id: low
mode: live
trigger: {every: EVERY}
scope: {per: [offer]}
data: {window: WINDOW, need: {clicks: 100}, fresh: 1h}
when: ["WHEN"]
then: [{pause: offer, hold: 1d}]
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KEY", "a-long-key-for-tests-0123456789")
    (tmp_path / "rules").mkdir()

    def written(when, *, window="7d", every="15m", poll=""):
        (tmp_path / "bridge.yaml").write_text(YAML.replace("POLL", poll))
        text = RULE.replace("WHEN", when).replace("WINDOW", window).replace("EVERY", every)
        (tmp_path / "rules" / "low.yaml").write_text(text)
        return tmp_path

    return written


@pytest.mark.parametrize(
    ("window", "every", "low", "high"), [("7d", "15m", 50, 70), ("14d", "15m", 32, 50), ("24h", "1d", 70, 85)]
)
def test_the_share_of_honest_items_is_that_of_the_rules_window(home, window, every, low, high):
    """Simulated months of the forecast say 58 to 63% for a week, and 41 to 42% for two."""
    [warning] = check_home(home("cr < 0.40% @95%", window=window, every=every)).warnings
    [share] = re.findall(r"about (\d+)% get a yes at least once in a month", warning)
    assert low <= int(share) <= high


def test_of_a_day_that_is_looked_at_all_day_nearly_all_get_a_yes(home):
    [warning] = check_home(home("cr < 0.40% @95%", window="24h")).warnings
    assert "nearly all get a yes" in warning


def test_impressions_that_nobody_reads_are_named_with_the_remedy(home):
    [warning] = check_home(home("ctr < 1% @95% a month")).warnings
    assert "needs impressions, which the account main does not read" in warning
    assert warning.endswith("write accounts.main.poll: {impressions: 300}")
    assert not check_home(home("ctr < 1% @95% a month", poll=", poll: {impressions: 300}")).warnings
    assert not check_home(home("cr < 1% @95% a month")).warnings


def test_a_rule_without_a_forecast_says_why(home):
    [line] = typical_costs_in_home(home("cr down 50% vs 7d @95% a month"))
    assert line.startswith("low: no forecast: it compares no ratio of counts with a plain number")


def test_a_rule_that_acts_above_its_threshold_speaks_of_a_rise(home):
    lines = typical_costs_in_home(home("rejection_rate > 20% @95% a month"))
    assert all("a rise to four times goes unnoticed" in line for line in lines)


@pytest.mark.parametrize(("when", "waits"), [("ctr < 1% @95% a month", False), ("cr < 1% @95% a month", True)])
def test_only_a_ratio_of_conversions_to_clicks_waits_for_conversions(home, when, waits):
    lines = typical_costs_in_home(home(when, poll=", poll: {impressions: 300}"))
    assert any("as long as conversions take" in line for line in lines) is waits
