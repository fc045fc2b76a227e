"""What a rule will cost, told before it is live."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from rules.backtest.costs import Delays, Item, NoRatio, forecast, outlook
from rules.backtest.threshold_sweep import Tried, with_outlook, with_threshold


def test_plain_confidence_costs_nearly_every_honest_offer_and_a_month_of_evidence_few(rule):
    [plain] = forecast(rule('["cr < 0.40% @95%"]', data="{window: 24h, need: {clicks: 500}}"), [2000])
    [month] = forecast(rule('["cr < 0.40% @95% a month"]', data="{window: 24h, need: {clicks: 500}}"), [2000])
    assert plain.honest_paused > 0.9
    assert month.honest_paused <= 0.1
    assert month.better_paused <= 0.02
    assert month.unnoticed < timedelta(days=5)
    assert month.passed == pytest.approx(2000 * month.unnoticed / timedelta(days=1))


def test_the_time_that_conversions_take_is_in_the_hours_where_it_is_known(rule):
    """Half come within six hours and all within a day: nobody is paused for what is still to come."""
    delays = Delays(np.array([0.0, 6.0, 24.0]), np.array([0.0, 0.5, 1.0]))
    made = rule('["cr < 0.40% @95% a month"]', data="{window: 24h, need: {clicks: 500}}")
    [at_once], [late] = forecast(made, [4000]), forecast(made, [4000], delays)
    assert timedelta(hours=4) <= late.unnoticed - at_once.unnoticed <= timedelta(hours=16)
    assert late.honest_paused <= 0.1
    assert late.better_paused <= 0.02


def test_a_rule_without_a_ratio_has_no_such_costs(rule):
    with pytest.raises(NoRatio, match="no condition"):
        forecast(rule("[clicks > 5]"), [100])


def test_the_month_ahead_is_that_of_the_items_of_the_network(rule):
    """Closer to the line a collapse is found sooner, and more honest items are paused by chance."""
    made = rule('["cr < 0.40% @95%"]', data="{window: 24h, need: {clicks: 500}}")
    items = [Item(a_day=2000, rate=rate) for rate in (0.002, 0.004, 0.005, 0.008, 0.012, 0.02)]
    low, high = (outlook(with_threshold(made, "cr", Decimal(text)), items) for text in ("0.003", "0.012"))
    assert (low.honest, high.honest) == (5, 2)
    assert low.honest_paused < high.honest_paused
    assert low.unnoticed > high.unnoticed


def test_without_honest_items_there_is_nothing_to_expect(rule):
    made = rule('["cr < 0.40% @95% a month"]', data="{window: 24h, need: {clicks: 500}}")
    assert outlook(made, [Item(a_day=100, rate=0.001)]).honest == 0


@pytest.mark.slow
def test_a_sweep_in_which_nothing_is_paused_is_decided_by_the_month_ahead(rule):
    made = rule('["cr < 0.40% @95% a month"]', data="{window: 24h, need: {clicks: 500}}")
    items = [Item(a_day=3000, rate=0.01 + 0.001 * number) for number in range(10)]
    [first, second] = with_outlook([untouched("0.002"), untouched("0.006")], made, "cr", items)
    assert (first.best, second.best) == (False, True)
    assert second.honest_paused <= 0.05
    assert second.unnoticed_hours < (first.unnoticed_hours or 1000)
    assert second.reason.startswith("none of these thresholds would have paused anything; in a month it pauses 0.0% of")


def test_a_threshold_that_every_item_is_beyond_has_no_month_ahead(rule):
    made = rule("[cr < 0.4% @95% a month]")
    near, far = with_outlook([untouched("0.004"), untouched("0.5")], made, "cr", [Item(a_day=3000, rate=0.01)])
    assert (near.honest, far.honest) == (1, 0)
    assert "0.0% of 1 honest item by chance" in near.reason
    assert (far.honest_paused, far.unnoticed_hours, far.missing_revenue) == (None, None, None)


def test_a_sweep_of_a_rule_without_a_ratio_says_nothing_of_the_month_ahead(rule):
    made = rule("[clicks > 5]")
    [only] = with_outlook([untouched("5")], made, "clicks", [Item(a_day=100, rate=0.01)])
    assert (only.honest, only.best, only.reason) == (None, False, "")


def untouched(value):
    nothing = Decimal(0)
    return Tried(
        value=Decimal(value),
        pauses=0,
        false_alarms=0,
        flaps=0,
        loss_avoided=nothing,
        profit_forgone=nothing,
        saved_clicks=nothing,
    )


LIMITED = {"data": "{window: 24h, need: {clicks: 500}}", "more": "lose_at_most: 20 USD"}


def test_a_limit_of_the_loss_is_in_the_money_of_a_collapse(rule):
    """4 of 8 conversions of 2,000 clicks a day are missing: 20 USD are lost sooner than anything is proven."""
    made = rule('["cr < 0.40% @95% a month"]', then="[{pause: offer, hold: 12h}]", **LIMITED)
    [without], [limited] = forecast(made, [2000]), forecast(made, [2000], worth=5.0)
    assert without.limited is None
    assert limited.unnoticed == without.unnoticed
    assert limited.limited.missing < limited.missing
    assert 3 <= limited.limited.missing <= 14
    assert limited.limited.unnoticed < limited.unnoticed
    assert limited.honest_paused < limited.limited.honest


def test_a_limit_that_is_never_reached_changes_nothing(rule):
    made = rule('["cr < 0.40% @95% a month"]', data=LIMITED["data"], more="lose_at_most: 5000 USD")
    [found] = forecast(made, [2000], worth=5.0)
    assert (found.limited.missing, found.limited.unnoticed) == (found.missing, found.unnoticed)
    assert found.limited.honest == 0.0


def test_the_rules_own_figure_prices_a_hit_where_nothing_is_known(rule):
    made = rule(
        '["cr < 0.40% @95% a month"]', data=LIMITED["data"], more="lose_at_most: {amount: 20 USD, worth: 5 USD}"
    )
    assert forecast(made, [2000])[0].limited == forecast(made, [2000], worth=99.0)[0].limited is not None


def test_the_money_of_a_sweep_is_limited_as_well(rule):
    made = rule('["cr < 0.40% @95% a month"]', **LIMITED)
    items = [Item(a_day=2000, rate=rate) for rate in (0.006, 0.008)]
    assert outlook(made, items, worth=5.0).missing < outlook(made, items).missing
