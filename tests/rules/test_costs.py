"""What a rule will cost, told before it is live."""

from datetime import timedelta

import pytest

from rules.backtest.costs import NoRatio, forecast


def test_plain_confidence_costs_nearly_every_honest_offer_and_a_month_of_evidence_few(rule):
    [plain] = forecast(rule('["cr < 0.40% @95%"]', data="{window: 24h, need: {clicks: 500}}"), [2000])
    [month] = forecast(rule('["cr < 0.40% @95% a month"]', data="{window: 24h, need: {clicks: 500}}"), [2000])
    assert plain.honest_paused > 0.9
    assert month.honest_paused <= 0.1
    assert month.better_paused <= 0.02
    assert month.unnoticed < timedelta(days=5)
    assert month.passed == pytest.approx(2000 * month.unnoticed / timedelta(days=1))


def test_a_rule_without_a_ratio_has_no_such_costs(rule):
    with pytest.raises(NoRatio, match="no condition"):
        forecast(rule("[clicks > 5]"), [100])
