"""Every counter of the table moves in a scrape when the thing happens in another process."""

import os
import signal
from io import StringIO

import httpx
import pytest
from metrics_scrape import scrape, scrape_until
from rich.console import Console

from bridge.cli.local import demo
from bridge.cli.local.supervisor import Supervisor
from bridge.observability import metrics
from bridge.web import gauges

pytestmark = pytest.mark.journey


def counts(metric):
    """The sample that says how often."""
    [family] = metric.describe()
    return family.name + {"counter": "_total", "histogram": "_count"}[family.type]


STILL = (metrics.NOTICES, metrics.ITEM_FAILURES)  # in the demo there is no channel, and nothing fails
COUNTED = [counts(one) for one in metrics.COUNTED if one not in STILL]


@pytest.fixture(scope="module")
def boss():
    made = Supervisor(Console(file=StringIO()))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def stage(boss, tmp_path_factory):
    """The demo's processes after its story: webhooks, postbacks, runs, pauses, a publisher and a login."""
    stage = demo.set_up(boss, tmp_path_factory.mktemp("demo"))
    demo.send(stage, lambda _text: None)
    httpx.post(f"{stage.stack.address}/hooks/nobody")  # is not taken, and counted as that
    demo.wait(boss, stage)
    return stage


@pytest.mark.parametrize("name", COUNTED)
def test_one_scrape_of_the_web_shows_what_all_processes_counted(stage, name):
    assert scrape_until(stage.stack.address, lambda found: found.get(name, 0) > 0)[name] > 0


@pytest.mark.parametrize("gauge", [one.name for one in gauges.READ])
def test_every_gauge_of_the_table_is_there(stage, gauge):
    assert f"# TYPE {gauge} gauge" in httpx.get(f"{stage.stack.address}/metrics").text


def test_a_worker_that_is_killed_takes_no_counts_along(boss, stage):
    before = scrape(stage.stack.address)["bridge_effects_ended_total"]
    os.kill(boss.pids()["worker"], signal.SIGKILL)
    assert scrape(stage.stack.address)["bridge_effects_ended_total"] >= before > 0
