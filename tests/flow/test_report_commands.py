"""`reports` and `sources` on the command line."""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from bridge.cli import cli
from bridge.sources.samples import sample


@pytest.fixture
def run(network, monkeypatch):
    monkeypatch.setenv("BRIDGE_HOME", str(network.home))

    def invoke(*arguments, code=0):
        found = CliRunner().invoke(cli, list(arguments))
        assert found.exit_code == code, found.output
        return found.stdout

    return invoke


CSV = """transaction_id,conversion_time,status,offer_id,publisher,payout,revenue,currency
01HVMM5SAS879C0AQZ295VEVN9,2026-02-01 10:00:00,Approved,1001,201,8.00,10.00,USD
01HVMM5SAS879C0AQZ295VEVNA,2026-02-01 11:00:00,Rejected,1001,201,8.00,10.00,USD
"""


def test_a_file_is_imported_once_however_often(run, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text(CSV)
    first = json.loads(run("reports", "import", str(file), "--kind", "conversions", "--json"))
    again = json.loads(run("reports", "import", str(file), "--kind", "conversions", "--json"))
    assert (first["rows"], first["new"], again["new"], again["changed"]) == (2, 2, 0, 0)


def test_a_row_that_cannot_be_read_is_named_and_the_others_are_kept(run, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text(CSV + "01HVMM5SAS879C0AQZ295VEVNB,yesterday,Approved,1001,201,8.00,10.00,USD\n")
    found = json.loads(run("reports", "import", str(file), "--kind", "conversions", "--json", code=1))
    assert found["new"] == 2
    assert len(found["refused"]) == 1


def test_the_status_shows_how_far_a_feed_is(run, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text(CSV)
    run("reports", "import", str(file), "--kind", "conversions")
    [feed] = json.loads(run("reports", "status", "--json"))
    assert feed["feed"] == "main/default/conversions"
    assert feed["as_of"].startswith("2026-02-01")


def test_sources_are_listed_with_their_proof(run):
    assert {one["source"]: one["proof"] for one in json.loads(run("sources", "list", "--json"))} == {
        "crm": "bearer",
        "postback": "token",
    }


def test_the_postback_address_has_integr8s_macros(run):
    assert "tx={transaction_id}" in run("sources", "url", "postback", "--base-url", "https://bridge.example.com")


@pytest.mark.parametrize("source", ["crm", "postback"])
def test_a_sample_is_accepted_by_its_endpoint(network, source):
    made = sample("http://endpoint", source, network.services.settings.sources[source], now=datetime.now(UTC))
    send = network.webhooks.get if made.body is None else network.webhooks.post
    answer = send(made.url.removeprefix("http://endpoint"), headers=dict(made.headers), data=made.body)
    assert answer.status_code == 202, answer.get_data(as_text=True)


def test_an_unknown_source_names_those_that_exist(run):
    run("sources", "url", "nobody", code=1)
