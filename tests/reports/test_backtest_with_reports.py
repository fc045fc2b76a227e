"""A backtest sees what was known then, pauses what a live rule would have paused, and says if that was right."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from bridge.reports.fact_batch import UNKNOWN_DELAY, Batch, Labels
from bridge.reports.past_facts import Past
from bridge.reports.windows import Windows
from bridge.store.feeds import Kind
from rules.backtest.backtest import NotReplayable, backtest
from rules.backtest.threshold_sweep import NothingToSweep, sweep, with_threshold
from rules.model.facts import Subject
from rules.model.plan import Target
from rules.model.verdicts import Answer
from tests.reports.metric_rules import rule
from tests.support.rule_texts import pause_rule

START = datetime(2026, 3, 2, tzinfo=UTC)
TEXT = pause_rule(every="1h", where="", window="6h", clicks=50, fresh="", when="cr < 2%", guards="")


def facts(
    rows: list[tuple[float, float, str]], *, delay: float | None = None, money: tuple[int, int] = (0, 0)
) -> Batch:
    """(hour of the event, hour it was seen, offer)."""
    size = len(rows)
    event = np.array([int(START.timestamp() + one[0] * 3600) for one in rows], np.int64)
    return Batch(
        event=event,
        seen=np.array([int(START.timestamp() + one[1] * 3600) for one in rows], np.int64),
        high=np.arange(size, dtype=np.uint64),
        low=np.arange(size, dtype=np.uint64),
        nth=np.zeros(size, np.uint8),
        status=np.ones(size, np.uint8),
        weight=np.ones(size, np.int32),
        payout=np.full(size, money[0] * 1_000_000, np.int64),
        revenue=np.full(size, money[1] * 1_000_000, np.int64),
        delay=np.full(size, UNKNOWN_DELAY if delay is None else int(delay * 3600), np.int32),
        labels={"offer": Labels.of([one[2] for one in rows])},
    )


def past(clicks: Batch, conversions: Batch) -> Past:
    windows = Windows(delays=True)
    for kind, batch in ((Kind.CLICKS, clicks), (Kind.CONVERSIONS, conversions)):
        windows.load(kind, [batch])
    subjects = tuple(Subject(("offer",), ids) for ids in windows.occurring(("offer",), 0, 10**11))
    return Past(windows=windows, subjects=subjects)


def steady(hours: float, offer: str = "1", per_hour: int = 20) -> list[tuple[float, float, str]]:
    return [(number / per_hour, number / per_hour, offer) for number in range(int(hours * per_hour))]


def replay(history: Past, text: str = TEXT, hours: float = 36):
    return backtest(rule(text), history, START + timedelta(hours=6), START + timedelta(hours=hours))


def test_an_offer_without_conversions_is_paused_and_returns_after_its_hold():
    report = replay(past(steady_clicks := facts(steady(48)), facts([])))
    assert len(steady_clicks) == 960
    assert [fire.at.hour for fire in report.pauses][:1] == [6]
    assert report.pauses[0].until == report.pauses[0].at + timedelta(hours=12)


def test_while_it_is_paused_its_traffic_is_not_seen():
    report = replay(past(facts(steady(48)), facts([])))
    # Back at 18:00 it has no clicks of its own; it takes 2.5 hours until there are 50 again.
    assert [int((fire.at - START).total_seconds() // 3600) for fire in report.pauses] == [6, 21]


def test_conversions_seen_late_do_not_save_an_offer_then_but_in_hindsight():
    conversions = [(hour / 4, 12.0, "1") for hour in range(24)]
    report = replay(past(facts(steady(10)), facts(conversions)), hours=11)
    first = report.pauses[0]
    assert (first.at, first.hindsight, first.false_alarm) == (START + timedelta(hours=6), Answer.NO, True)


def test_a_conversion_in_time_keeps_the_offer_going():
    conversions = [(hour / 4, hour / 4, "1") for hour in range(160)]
    assert replay(past(facts(steady(40)), facts(conversions))).fires == ()


def test_recovering_by_itself_is_a_false_alarm():
    good = [(6 + number / 8, 6 + number / 8, "1") for number in range(100)]
    report = replay(past(facts(steady(48)), facts(good)), hours=20)
    assert (report.pauses[0].hindsight, report.pauses[0].afterwards) == (Answer.YES, Answer.NO)


def test_what_came_meanwhile_is_told_in_money():
    sold = facts([(7.0, 7.0, "1"), (8.0, 8.0, "1")], delay=0.5, money=(5, 3))
    fire = replay(past(facts(steady(48)), sold), hours=12).pauses[0]
    assert (fire.came["clicks"], fire.came["conversions"]) == (120, 2)
    assert (fire.loss_avoided, fire.profit_forgone) == (Decimal(4), Decimal(0))


def test_late_conversions_of_earlier_clicks_release_early():
    text = TEXT.replace("clicks: 50", "clicks: 20") + "release: {early: [cr >= 1%]}\n"
    late = facts([(9 + number / 100, 9.5, "1") for number in range(30)], delay=5)
    report = replay(past(facts(steady(48)), late), text, hours=14)
    assert (report.pauses[0].ended, report.pauses[0].until) == ("early", START + timedelta(hours=10))


def test_conversions_of_clicks_that_the_pause_prevents_do_not_count():
    text = TEXT.replace("clicks: 50", "clicks: 20") + "release: {early: [cr >= 1%]}\n"
    prevented = facts([(9 + number / 100, 9.5, "1") for number in range(30)], delay=1)
    report = replay(past(facts(steady(48)), prevented), text, hours=14)
    assert report.pauses[0].ended is None


def test_the_same_history_answers_a_second_replay_alike():
    history = past(facts(steady(48)), facts([]))
    assert replay(history).fires == replay(history).fires


def test_over_a_limit_nothing_is_done_and_the_looks_are_counted():
    clicks = facts([row for offer in "123456789" for row in steady(24, offer)])
    report = replay(past(clicks, facts([])), TEXT + "guards: {at_most: {targets: 3}}\n", hours=10)
    assert (len(report.fires), report.waiting) == (0, 5)


def test_a_second_pause_soon_after_the_first_is_a_flap():
    assert replay(past(facts(steady(48)), facts([]))).flaps == 1


def test_a_sweep_marks_a_good_point():
    clicks = facts([*steady(30, "good"), *steady(30, "bad")])
    sold = facts([(number / 1.8, number / 1.8, "good") for number in range(54)])
    tried = sweep(
        rule(TEXT),
        past(clicks, sold),
        START + timedelta(hours=6),
        START + timedelta(hours=29),
        metric="cr",
        values=[Decimal("0.001"), Decimal("0.02"), Decimal("0.2")],
    )
    assert [one.pauses > 0 for one in tried] == [True, True, True]
    assert tried[2].false_alarms == 0 or not tried[2].best
    assert sum(one.best for one in tried) == 1


def test_a_threshold_that_is_not_there_cannot_be_swept():
    with pytest.raises(NothingToSweep, match="epc"):
        with_threshold(rule(TEXT), "epc", Decimal(1))


def test_a_changed_threshold_shows_in_the_condition():
    changed = with_threshold(rule(TEXT), "cr", Decimal("0.005"))
    assert changed.when is not None
    assert "0.5%" in str(changed.when.items[0].text)


def test_rules_about_events_cannot_be_replayed():
    text = "schema: 1\nid: e\ntrigger: {webhook: {source: crm}}\nwhen: [body.x > 1]\nthen: [{notify: t}]\n"
    with pytest.raises(NotReplayable, match="events"):
        replay(past(facts(steady(8)), facts([])), text)


def test_the_drawn_subject_has_its_line_and_its_holds():
    series = replay(past(facts(steady(48)), facts([]))).series[0]
    assert series.points[-1].threshold == pytest.approx(0.02)
    assert len(series.holds) == 2


def test_a_target_that_is_absent_comes_back_whole():
    history = past(facts(steady(48)), facts([]))
    history.begin()
    target = Target(kind="offer", id="1")
    history.leave(target, START + timedelta(hours=10))
    history.come_back(target, START + timedelta(hours=20))
    column = history.at(START + timedelta(hours=40)).measure("clicks", ("offer",), START, START + timedelta(hours=40))
    assert column.values.tolist() == [600.0]


def test_a_pause_is_judged_by_the_mature_ratio_with_its_interval():
    good = facts([(number / 4, number / 4 + 8, "1") for number in range(100)], delay=8)
    fire = replay(past(facts(steady(48)), good), hours=40).pauses[0]
    assert fire.judged == "wrong"
    assert fire.mature.low <= fire.mature.rate <= fire.mature.high


def test_too_little_traffic_afterwards_leaves_it_open():
    few = facts([*steady(3), *[(6 + n, 6 + n, "1") for n in range(10)]])
    text = TEXT.replace("clicks: 50", "clicks: 20")
    assert {fire.judged for fire in replay(past(few, facts([])), text, hours=12).pauses} == {"open"}


def test_loss_avoided_is_not_zero_where_the_payout_is_below_the_revenue():
    sold = facts([(7.0, 7.0, "1")], delay=0.5, money=(3, 5))
    fire = replay(past(facts(steady(48)), sold), hours=12).pauses[0]
    assert fire.loss_avoided > 0


def test_a_pause_of_a_shadow_rule_takes_no_traffic_away():
    history = past(facts(steady(48)), facts([]))
    stays = backtest(rule(TEXT), history, START + timedelta(hours=6), START + timedelta(hours=36), removes=False)
    assert [int((fire.at - START).total_seconds() // 3600) for fire in stays.pauses][:2] == [6, 19]


def test_a_period_without_data_says_so():
    [warning] = replay(past(facts([]), facts([]))).warnings
    assert "no traffic in scope" in warning
    empty = backtest(
        rule(TEXT), past(facts(steady(2)), facts([])), START + timedelta(days=20), START + timedelta(days=21)
    )
    assert "could be decided" in empty.warnings[0]
    assert empty.no_decision > 0


def test_a_period_that_was_read_only_later_says_when():
    late = past(facts([(hour, 200, "1") for hour, _, _ in steady(48)]), facts([]))
    late.marks = {Kind.CLICKS: [(START + timedelta(hours=200), START + timedelta(hours=200))]}
    report = replay(late)
    assert "could be decided" in report.warnings[0]
    assert "first read reports at 2026-03-10 08:00 UTC" in report.warnings[1]


def test_history_whose_rows_say_when_they_were_seen_needs_no_reading_of_its_own():
    """The service read nothing then; an import tells when each row was seen."""
    history = past(facts(steady(48)), facts([(1, 1.5, "1"), (20, 21, "1")]))
    read_at_once = [fire.at for fire in replay(history).pauses]
    imported = past(facts(steady(48)), facts([(1, 1.5, "1"), (20, 21, "1")]))
    imported.marks = {Kind.CLICKS: [], Kind.CONVERSIONS: []}
    assert [fire.at for fire in replay(imported).pauses] == read_at_once != []


ASKING = pause_rule(
    every="1h",
    where="",
    clicks=50,
    fresh="",
    when="cr < 2% @95% a month",
    hold="3h",
    guards="",
    more="""\
lose_at_most: {amount: 30 USD, worth: 10 USD, then: THEN}
approve: {within: 6h}
release: {probation: {clicks: 50}}""",
)


@pytest.mark.parametrize(("then", "pauses", "asked"), [("ask", False, True), ("pause", True, False)])
def test_what_the_evidence_does_not_decide_in_time_is_in_the_backtest(then, pauses, asked):
    few = facts([(hour, hour, "1") for hour in (3, 8, 13, 18, 23, 28, 33)], delay=0)
    report = replay(past(facts(steady(48)), few), ASKING.replace("THEN", then))
    assert (bool(report.pauses), report.asked > 0) == (pauses, asked)
    assert all("the evidence does not decide" in fire.reason for fire in report.pauses)
