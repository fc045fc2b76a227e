"""`rules backtest` on the command line, over history that was imported."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from rule_texts import pause_rule

from bridge.cli import cli
from bridge.reports.csv_import import import_rows
from bridge.store.feeds import FeedKey, Kind

RULE = pause_rule("shadow", every="1h", fresh="", when="cr < 2% @95%")
START = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def past(network, monkeypatch, tmp_path):
    """Four days: 1001 converts at five percent, 1002 stops converting after two."""
    monkeypatch.setenv("BRIDGE_HOME", str(network.home))
    for name in ("Good", "Bad"):
        network.world.offer(name, active=True)
    network.work()
    clicks, conversions = [], []
    for hour in range(96):
        for offer in ("1001", "1002"):
            for number in range(20):
                at = START + timedelta(hours=hour, minutes=3 * number)
                tx = f"{offer}-{hour}-{number}"
                row = {"transaction_id": tx, "offer_id": offer, "publisher": "201", "status": "Approved"}
                clicks.append(row | {"request_time": f"{at:%Y-%m-%d %H:%M:%S}"})
                if number == 0 and (offer == "1001" or hour < 48):
                    money = {"payout": "8.00", "revenue": "10.00", "currency": "USD"}
                    conversions.append(row | money | {"conversion_time": f"{at:%Y-%m-%d %H:%M:%S}"})
    import_rows(network.services.store, FeedKey(kind=Kind.CLICKS), clicks, now=network.now)
    import_rows(network.services.store, FeedKey(kind=Kind.CONVERSIONS), conversions, now=network.now)
    file = tmp_path / "rule.yaml"
    file.write_text(RULE)

    def run(*more, code=0):
        words = ["rules", "backtest", str(file), "--from", "2026-02-02", "--to", "2026-02-05", "--against", "imported"]
        found = CliRunner().invoke(cli, [*words, *more])
        assert found.exit_code == code, found.output
        return found.stdout

    return run


def test_it_says_what_the_rule_would_have_done_and_when(past):
    [report] = json.loads(past("--json"))
    assert report["pauses"] >= 1
    assert {fire["does"] for fire in report["fires"] if fire["does"].startswith("pause")} == {"pause offer 1002"}
    first = datetime.fromisoformat(report["fires"][0]["at"])
    assert datetime(2026, 2, 3, tzinfo=UTC) < first < datetime(2026, 2, 5, tzinfo=UTC)


def test_a_page_with_plots_stands_by_itself(past, tmp_path):
    page = tmp_path / "page.html"
    past("--html", str(page))
    text = page.read_text()
    assert "<svg" in text
    assert "http" not in text.replace("http-equiv", "")


def test_many_thresholds_show_false_alarms_against_waste(past):
    rows = json.loads(past("--sweep", "cr=0.5%..4%", "--json"))
    assert len(rows) == 7
    assert sum(row["best"] for row in rows) == 1


@pytest.mark.parametrize(("clicks", "pauses"), [("> 5", 0), ("> 1000000", 1)])
def test_what_a_live_rule_holds_back_is_not_paused_in_the_past_either(past, network, clicks, pauses):
    alarm = "schema: 1\nid: alarm\nmode: live\ntrigger: {every: 1h}\nscope: {per: [offer]}\ninhibits: [low-*]\n"
    network.rule(f"{alarm}when: [clicks {clicks}]\n", "alarm.yaml")
    [report] = json.loads(past("--json"))
    assert min(report["pauses"], 1) == pauses
    assert ("inhibited" in report["stops"]) is (pauses == 0)


def test_a_sweep_of_another_form_says_how_to_write_it(past):
    past("--sweep", "cr", code=1)


def test_a_file_that_breaks_off_is_named_with_the_remedy(past, tmp_path):
    file = tmp_path / "cut.csv"
    file.write_text('transaction_id,offer_id,request_time\n1,2,"2026-03-01')
    found = CliRunner().invoke(cli, ["reports", "import", str(file), "--kind", "clicks"])
    assert found.exit_code == 1
    assert "a quote that is never closed" in found.output


def test_a_file_that_does_not_meet_what_is_known_is_said(past, network, tmp_path):
    file = tmp_path / "old.csv"
    file.write_text("transaction_id,offer_id,publisher,request_time\n1,1001,201,2025-06-01 00:00:00\n")
    words = ["reports", "import", str(file), "--kind", "clicks", "--json"]
    found = CliRunner().invoke(cli, words)
    assert (json.loads(found.stdout)["joined"], found.exit_code) == (False, 0)
    assert "what lies between is missing" in found.stderr
    found = CliRunner().invoke(cli, [*words, "--to", network.now.strftime("%Y-%m-%dT%H:%M:%SZ")])
    assert json.loads(found.stdout)["joined"] is True
