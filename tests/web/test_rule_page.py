"""The page of a rule runs backtests and changes its mode."""

import re
import subprocess
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from sqlalchemy import update
from used_network import RULE

from bridge.operations import maintenance
from bridge.store import backtest_jobs
from bridge.store.roles import Role
from bridge.store.runs import Run

PATH = "/rules/low-cr"


@pytest.fixture
def days(lived_in):
    network = lived_in("shadow")
    today = datetime.now(UTC).date()
    return network, {"from": str(today - timedelta(days=1)), "to": str(today + timedelta(days=1))}


def test_a_rule_is_tried_on_the_past_and_its_page_keeps_what_came_out(browser, days):
    visitor = browser()
    visitor.press(PATH, f"{PATH}/backtest", **days[1])
    days[0].work()
    assert "Would have paused" in visitor.open(PATH)


def test_the_whole_page_of_a_trial_stands_by_itself(browser, days):
    visitor = browser()
    visitor.press(PATH, f"{PATH}/backtest", **days[1])
    days[0].work()
    answer = visitor.http.get(f"{PATH}/backtests/1")
    assert "<svg" in answer.get_data(as_text=True) or "Nothing." in answer.get_data(as_text=True)
    assert "style-src 'sha256-" in answer.headers["Content-Security-Policy"]


def test_a_trial_without_days_says_so(browser, days):
    assert "choose a day" in browser().press(PATH, f"{PATH}/backtest", **{"from": "", "to": ""})


def test_a_trial_that_would_take_for_ever_evaluates_less_often_and_says_so(browser, days):
    page = browser().press(PATH, f"{PATH}/backtest", **{"from": "2000-01-02", "to": "2026-01-01"})
    assert "as often as the rule does is too much for one job" in page


def running(network, **seen):
    """A backtest that a worker is in the middle of."""
    with network.services.store.write() as session:
        job = backtest_jobs.take(session, network.now)
        assert backtest_jobs.proceed(session, job, seen, network.now)
    return job


def test_the_page_says_how_far_a_trial_is_and_what_it_looks_at(browser, days):
    network, time_range = days
    visitor = browser()
    visitor.press(PATH, f"{PATH}/backtest", **time_range)
    assert "waits for a worker" in visitor.open(PATH)
    running(network, evaluations=200, evaluations_done=94, evaluating_at=datetime(2026, 3, 2, 9, tzinfo=UTC))
    page = visitor.open(PATH)
    assert 'value="47"' in page
    assert "94 of 200 checks are done; it is at" in page


def test_without_scripts_the_page_looks_again_by_itself(browser, days):
    visitor = browser()
    visitor.press(PATH, f"{PATH}/backtest", **days[1])
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in visitor.open(PATH)


def test_the_piece_that_a_page_asks_for_says_when_there_is_an_answer(browser, days):
    visitor = browser()
    visitor.press(PATH, f"{PATH}/backtest", **days[1])
    asked = {"headers": {"HX-Request": "true"}}
    assert "waits for a worker" in visitor.http.get(f"{PATH}/backtest-job", **asked).get_data(as_text=True)
    days[0].work()
    assert visitor.http.get(f"{PATH}/backtest-job", **asked).headers["HX-Refresh"] == "true"


def test_the_piece_leads_to_its_page_when_somebody_shares_its_address(browser, days):
    assert browser().http.get(f"{PATH}/backtest-job").location == f"{PATH}#backtest"


def test_a_trial_whose_worker_was_killed_says_where_it_ended(browser, days):
    network, time_range = days
    visitor = browser()
    visitor.press(PATH, f"{PATH}/backtest", **time_range)
    running(network, evaluations=200, evaluations_done=94)
    network.pass_time(minutes=2)
    maintenance.tick(network.services, network.now)
    page = visitor.open(PATH)
    assert "the worker that ran it ended without a word, 47% done; try it again" in page
    assert "Backtest</button>" in page


def test_a_trial_is_stopped_from_its_page(browser, days):
    network, time_range = days
    visitor = browser()
    visitor.press(PATH, f"{PATH}/backtest", **time_range)
    page = visitor.press(PATH, f"{PATH}/backtest-jobs/1/stop")
    assert "stopped by a operator" in page
    network.work()
    assert "Would have paused" not in visitor.open(PATH)


def test_the_mode_of_a_rule_is_changed_and_its_file_says_so(browser, days):
    network, _ = days
    page = browser().press(PATH, f"{PATH}/mode", mode="live")
    assert "went from shadow to live" in page
    assert (network.home / "rules" / "rule.yaml").read_text() == RULE.replace("MODE", "live")


def test_who_moved_it_is_in_the_audit(browser, days):
    browser().press(PATH, f"{PATH}/mode", mode="live")
    assert "move rule" in browser().open("/audit")


def test_a_file_that_somebody_is_writing_is_left_alone(browser, days):
    network, _ = days
    file = network.home / "rules" / "rule.yaml"
    file.write_text(RULE.replace("MODE", "shadow").replace("cr < 1%", "cr < 2%"))
    assert "has changed since it was loaded" in browser().press(PATH, f"{PATH}/mode", mode="live")
    assert "mode: shadow" in file.read_text()


def test_where_a_rule_cannot_be_written_its_new_mode_is_a_patch(browser, days, monkeypatch):
    monkeypatch.setattr("bridge.operations.rule_mode.is_writable", lambda _directory: False)  # root may write anywhere
    home = days[0].home
    file = home / "rules" / "rule.yaml"
    page = browser().press(PATH, f"{PATH}/mode", mode="live")
    assert "mode: shadow" in file.read_text()
    patch = unescape(re.search(r"(?s)<pre[^>]*><code>(.*?)</code>", page)[1])
    subprocess.run(["git", "apply", "--verbose"], input=patch, text=True, cwd=home, check=True)
    assert "mode: live" in file.read_text()


def test_a_mode_that_is_none_is_refused(browser, days):
    assert "a mode is one of" in browser().press(PATH, f"{PATH}/mode", mode="quick")


def test_a_viewer_sees_no_buttons(browser, days):
    page = browser(Role.VIEWER).open(PATH)
    assert "Yes, move" not in page
    assert "Backtest</button>" not in page


def test_an_explanation_colours_the_lines_of_the_rule(browser, lived_in):
    lived_in()
    page = browser().open("/explain?rule=low-cr&subject=offer=1002")
    line = next(one for one in page.split("<li") if "cr &lt; 1% @95%" in one)
    assert 'class="said yes"' in line
    assert "0.10% (1 of 1,000 clicks)" in line


def test_an_offer_that_stays_is_coloured_the_other_way(browser, lived_in):
    lived_in()
    page = browser().open("/explain?rule=low-cr&subject=offer=1001")
    line = next(one for one in page.split("<li") if "cr &lt; 1% @95%" in one)
    assert 'class="said no"' in line


def test_lines_are_found_behind_comments_and_in_nested_groups(browser, lived_in):
    network = lived_in()
    text = RULE.replace("MODE", "live").replace("id: low-cr", "id: nested").lstrip()
    nested = "when:\n  all:\n    - any:\n        - clicks > 5000\n        - cr < 1% @95%\n"
    text = "# why this rule is here\n\n" + text.replace('when: {all: ["cr < 1% @95%"]}\n', nested)
    network.rule(text, "nested.yaml")
    page = browser().open("/explain?rule=nested&subject=offer=1001")
    said = {line.partition("<code>")[2].partition("</code>")[0].strip(): line for line in page.split("<li")}
    assert 'class="said no"' in said["- clicks &gt; 5000"]
    assert 'class="said no"' in said["- cr &lt; 1% @95%"]
    assert 'class="said' not in said["- any:"]


def test_an_undo_is_two_clicks_from_any_list(browser, lived_in):
    lived_in()
    visitor = browser()
    assert "/runs/1?undo=1#undo" in visitor.open("/activity")
    assert "<details open><summary>Undo this run" in visitor.open("/runs/1?undo=1")


def test_an_offer_names_who_holds_it_and_lets_go(browser, lived_in):
    lived_in()
    page = browser().open("/items/offer/1002")
    assert "Paused by" in page
    assert "/holds/1/release" in page
    assert "/runs/1?undo=offer%3D1002#undo" in page


def test_a_plan_whose_rule_no_longer_loads_is_still_listed(browser, lived_in):
    network = lived_in("approve")
    with network.services.store.write() as session:
        session.execute(update(Run).values(revision="gone"))
    page = browser().open("/approvals")
    assert "no longer loads" in page
    assert "pause" in page


def test_the_page_shows_what_the_rule_will_cost_at_the_volumes_of_the_network(browser, days):
    visitor = browser(Role.VIEWER)
    assert f'hx-get="{PATH}/costs"' in visitor.open(PATH)
    piece = visitor.http.get(f"{PATH}/costs", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert "Honest items paused in a month" in piece
    assert "Revenue short, USD" in piece
    assert "At the volumes of the 2 items with traffic in the last week" in piece


def test_without_scripts_the_costs_are_a_link_away(browser, days):
    visitor = browser(Role.VIEWER)
    assert f'<a href="{PATH}?costs=1#costs">' in visitor.open(PATH)
    assert visitor.http.get(f"{PATH}/costs").location == f"{PATH}?costs=1#costs"
    assert "A collapse to a quarter stays unnoticed" in visitor.open(f"{PATH}?costs=1")


def test_a_backtest_of_days_without_data_says_so_loudly_on_the_page(browser, days):
    visitor = browser()
    visitor.press(PATH, f"{PATH}/backtest", **{"from": "2020-01-01", "to": "2020-01-02"})
    days[0].work()
    page = visitor.open(PATH)
    assert '<div class="flash bad">No traffic in scope is known from 2020-01-01' in page


def test_what_a_backtest_says_of_pauses_waiting_and_stopped_stands_on_the_page(browser, days):
    visitor = browser()
    visitor.press(PATH, f"{PATH}/backtest", **days[1])
    days[0].work()
    page = visitor.open(PATH)
    for words in (
        "of these right, by what is known now", "wrong: the ratio was on the good side",
        "open: later data does not show it", "Checks that wait for a person", "Verdicts without enough data",
    ):  # fmt: skip
        assert words in page


def sweep_page(browser, days, tried):
    network, _ = days
    with network.services.store.write() as session:
        session.add(
            backtest_jobs.BacktestJob(
                rule_id="low-cr", revision="x", start=network.now - timedelta(days=2), end=network.now, against="live",
                by="Anna", asked_at=network.now, ended_at=network.now, kind="sweep", asked={"sweep": "cr=0.2%..0.8%"},
                state="done", answer={"metric": "cr", "tried": tried},
            )
        )  # fmt: skip
    return browser().open(PATH)


def test_a_sweep_shows_the_month_ahead_as_curves_with_the_recommended_threshold_marked(browser, days):
    tried = [
        {
            "value": value, "pauses": 1, "false_alarms": 0, "flaps": 0, "loss_avoided": "1", "profit_forgone": "0",
            "saved_clicks": "9", "honest": 2, "honest_paused": paused, "unnoticed_hours": hours,
            "missing_revenue": "12.5", "best": value == "0.004", "reason": "it is the best",
        }
        for value, paused, hours in (("0.002", 0.0, 90), ("0.004", 0.01, 40), ("0.008", 0.2, None))
    ]  # fmt: skip
    tried[0]["warnings"] = ["none of 9 verdicts could be decided"]
    page = sweep_page(browser, days, tried)
    said = "by the threshold: 0.2% 90; 0.4% 40, recommended; 0.8% none"
    assert f'aria-label="A collapse to a quarter stays unnoticed, hours, {said}"' in page
    assert page.count('<circle class="mark"') == 2
    assert '<div class="flash bad">None of 9 verdicts could be decided.</div>' in page
    assert "Revenue short of the threshold meanwhile, USD" in page
    assert "12.50" in page
