"""Where processes count together, and what a scrape shows of it."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from bridge.config import settings
from bridge.config.settings import Address, SettingsError
from bridge.observability import metrics_server, multiprocess
from bridge.observability.metrics import CALLS
from bridge.store.ledger import EffectState
from bridge.web.gauges import Gauges

COUNT_IN_A_CHILD = """
import os
from bridge.observability import multiprocess
multiprocess.share()
from bridge.observability.metrics_server import registry
from bridge.observability.metrics import CALLS
child = os.fork()
if child == 0:
    CALLS.labels("main", "offers.list", "ok").inc()
    os._exit(0)
os.waitpid(child, 0)
CALLS.labels("main", "offers.list", "ok").inc()
labels = {"account": "main", "operation": "offers.list", "outcome": "ok"}
print(registry().get_sample_value("bridge_calls_total", labels))
print(multiprocess.place())
"""


def test_a_child_and_its_parent_add_up_and_clear_their_place_away():
    # A test that imported `tasks` before chose a place for pytest's own process; this group chooses one itself.
    alone = {name: value for name, value in os.environ.items() if name != multiprocess.VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", COUNT_IN_A_CHILD], env=alone, capture_output=True, text=True, check=True
    )
    number, place = done.stdout.split()
    assert number == "2.0"
    assert not Path(place).exists()


def test_a_place_that_is_set_already_is_kept(monkeypatch):
    monkeypatch.setenv(multiprocess.VARIABLE, "/somewhere")
    multiprocess.share()
    assert multiprocess.place() == "/somewhere"


def test_what_a_group_of_earlier_times_counted_is_gone(tmp_path):
    (tmp_path / "counter_1.db").write_bytes(b"old")
    assert multiprocess.make_empty(tmp_path) == {multiprocess.VARIABLE: str(tmp_path)}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [("9808", ("127.0.0.1", 9808)), ("0.0.0.0:9808", ("0.0.0.0", 9808)), ("[::1]:9808", ("::1", 9808))],
)
def test_a_worker_listens_on_loopback_unless_told_otherwise(tmp_path, monkeypatch, text, where):
    (tmp_path / "bridge.yaml").touch()
    monkeypatch.setenv("BRIDGE_WORKER_METRICS", text)
    assert settings.load(tmp_path).worker_metrics == where


@pytest.mark.parametrize("text", ["http://here:1", "99999", "0", "here"])
def test_an_address_that_is_none_is_refused_with_the_remedy(tmp_path, monkeypatch, text):
    (tmp_path / "bridge.yaml").touch()
    monkeypatch.setenv("BRIDGE_WORKER_METRICS", text)
    with pytest.raises(SettingsError, match="write 9808, or"):
        settings.load(tmp_path)


def test_the_last_unknown_effect_settles_and_the_gauge_says_zero(network):
    """An alert that began must be able to end."""
    [family] = [one for one in Gauges(network.services, lambda: network.now).collect() if one.name == "bridge_effects"]
    assert {sample.labels["state"]: sample.value for sample in family.samples}[EffectState.UNKNOWN] == 0


def ask(server, **headers):
    host, port = server.server_address[:2]
    return httpx.get(f"http://{host}:{port}/metrics", headers=headers)


@pytest.fixture
def serve():
    made = []

    def start(token=None):
        made.append(metrics_server.serve(Address("127.0.0.1", 0), token))
        return made[-1]

    yield start
    for server in made:
        server.shutdown()
        server.server_close()


def test_a_worker_answers_scrapes_in_the_format_of_prometheus(serve):
    CALLS.labels("main", "offers.list", "ok").inc()
    assert "bridge_calls_total{" in ask(serve()).text


@pytest.mark.parametrize(("given", "status"), [("", 401), ("Bearer wrong", 401), ("Bearer the-token", 200)])
def test_a_worker_asks_for_the_token_that_the_web_asks_for(serve, given, status):
    assert ask(serve("the-token"), authorization=given).status_code == status


def test_a_port_that_is_taken_is_an_error_for_the_caller_to_tell(serve):
    with pytest.raises(OSError, match="in use"):
        metrics_server.serve(Address(*serve().server_address[:2]))


COUNT_ONE_AFTER_THE_OTHER = """
import os
from bridge.observability import multiprocess
multiprocess.share()
from bridge.observability.metrics_server import registry
from bridge.observability.metrics import CALLS
for _ in range(3):
    child = os.fork()
    if child == 0:
        multiprocess.count_as("worker-0")
        CALLS.labels("main", "offers.list", "ok").inc()
        os._exit(0)
    os.waitpid(child, 0)
labels = {"account": "main", "operation": "offers.list", "outcome": "ok"}
print(registry().get_sample_value("bridge_calls_total", labels))
print(sum("worker-0" in name for name in os.listdir(multiprocess.place())) - len({"counter", "histogram"}))
"""


def test_a_process_continues_the_counters_of_the_one_whose_place_it_takes():
    alone = {name: value for name, value in os.environ.items() if name != multiprocess.VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", COUNT_ONE_AFTER_THE_OTHER], env=alone, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["3.0", "0"]
