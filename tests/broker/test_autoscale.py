"""A worker starts a process when work waits for one, and ends it when there was nothing for it to do."""

import sys
import time
from types import SimpleNamespace

import psutil
import pytest
from celery import Celery
from celery.worker import state

from bridge.cli.local.supervisor import Program, Supervisor
from tasks import autoscale
from tasks.autoscale import IDLE, OnDemand, patience

TASKS = """
import os, time
from pathlib import Path
from celery import Celery
from tasks import autoscale

autoscale.IDLE = autoscale.CHECK = 1.0
app = Celery("small", broker="REDIS")
app.conf.update(
    worker_pool="tasks.autoscale:Pool", worker_autoscaler="tasks.autoscale:OnDemand", worker_prefetch_multiplier=1,
    task_acks_late=True, task_default_queue="small", worker_enable_remote_control=False,
)

@app.task(name="reports.poll", ignore_result=True)
def poll(seconds):
    time.sleep(seconds)

@app.task(name="effects.perform", ignore_result=True)
def perform(number):
    Path("DIRECTORY", f"{number}").write_text(f"{os.getpid()} {time.time()}")
"""


class FakePool:
    def __init__(self):
        self.num_processes = 1
        self.settled = True

    def grow(self, n):
        self.num_processes += n

    def shrink(self, n):
        self.num_processes -= n

    def maintain_pool(self):
        pass

    def is_settled(self):
        return self.settled


class Request:
    time_start = None

    def __init__(self, name="effects.perform", queue="effects"):
        self.name = name
        self.delivery_info = {"routing_key": queue}


@pytest.fixture
def requests():
    """What the worker has taken and not finished."""
    state.reset_state()
    yield state.reserved_requests
    state.reset_state()


@pytest.fixture
def scaler(requests):
    later = []
    hub = SimpleNamespace(call_later=lambda seconds, what, *given: later.append((seconds, what, given)))
    worker = SimpleNamespace(hub=hub, app=Celery("none"))
    made = OnDemand(FakePool(), 3, 1, worker=worker, keepalive=30)
    made.later = later
    return made


def arrive(scaler, requests, request):
    requests.add(request)
    scaler.maybe_scale(request)
    return request


def wait(scaler):
    """Let the time pass after which it looks again."""
    for _, what, given in scaler.later:
        what(*given)
    scaler.later.clear()


def test_a_message_that_finds_no_process_gets_one_after_a_short_while(scaler, requests):
    at_work, waits = arrive(scaler, requests, Request()), arrive(scaler, requests, Request())
    at_work.time_start = 1.0
    assert scaler.processes == 1
    assert scaler.later[-1][0] == patience(waits) < 0.1
    wait(scaler)
    assert (scaler.processes, waits.time_start) == (2, None)


def test_a_message_that_was_taken_meanwhile_needs_none(scaler, requests):
    requests.add(first := Request())
    second = arrive(scaler, requests, Request())
    first.time_start = second.time_start = 1.0
    wait(scaler)
    assert scaler.processes == 1


def test_what_another_process_does_already_waits_longer_for_one(requests):
    state.active_requests.add(at_work := Request())
    long, tick = Request("reports.poll", "reports"), Request("maintenance.tick", "maintenance")
    assert patience(long) == patience(tick) > patience(Request()) > patience(Request(queue="effects.acme"))
    state.active_requests.discard(at_work)
    assert patience(Request()) == patience(Request(queue="effects.acme"))


def test_a_worker_that_can_take_no_further_message_does_not_wait_for_long(scaler, requests):
    kept = [arrive(scaler, requests, Request("maintenance.tick", "maintenance")) for _ in range(3)]
    assert len(kept) == scaler.max_concurrency
    assert scaler.later[-1][0] < patience(kept[-1])


def test_never_more_than_the_larger_number(scaler, requests):
    kept = [arrive(scaler, requests, Request()) for _ in range(6)]
    wait(scaler)
    wait(scaler)
    assert (scaler.processes, len(kept)) == (3, 6)


def test_a_process_ends_when_it_was_idle_for_long_enough(scaler, monkeypatch):
    scaler.pool.grow(1)
    scaler.maybe_scale()
    assert scaler.processes == 2
    now = time.monotonic()
    monkeypatch.setattr(autoscale.time, "monotonic", lambda: now + IDLE + 1)
    scaler.maybe_scale()
    scaler.maybe_scale()
    assert scaler.processes == 1


def test_none_ends_while_a_message_may_be_on_its_way_to_it(scaler, requests, monkeypatch):
    scaler.pool.grow(1)
    requests.add(request := Request("maintenance.tick"))
    now = time.monotonic()
    monkeypatch.setattr(autoscale.time, "monotonic", lambda: now + IDLE + 1)
    scaler.maybe_scale()
    assert (scaler.processes, request.time_start) == (2, None)


def test_one_process_ends_after_the_other(scaler, monkeypatch):
    """The one that is ending is idle, too, and would be told once more."""
    scaler.pool.grow(2)
    scaler.pool.settled = False
    now = time.monotonic()
    monkeypatch.setattr(autoscale.time, "monotonic", lambda: now + IDLE + 1)
    scaler.maybe_scale()
    assert scaler.processes == 3


def test_a_lost_connection_takes_no_room_away(scaler):
    """Celery's own rule counts the processes of that moment."""
    assert scaler.worker.app.conf.worker_enable_prefetch_count_reduction is False


def test_no_report_stands_in_front_of_a_pause(redis_url, tmp_path):
    """A real worker: all processes are busy with what takes long, and an effect comes."""
    (tmp_path / "small.py").write_text(TASKS.replace("REDIS", redis_url).replace("DIRECTORY", str(tmp_path)))
    command = [
        sys.executable, "-m", "celery", "--app", "small:app", "worker", "--autoscale", "3,1", "--loglevel", "ERROR",
        "--without-gossip", "--without-mingle",
    ]  # fmt: skip
    app = Celery("sender", broker=redis_url, set_as_current=False)

    def send(name, number):
        app.send_task(name, args=[number], queue="small", ignore_result=True)

    boss = Supervisor(log=False)
    try:
        worker = boss.start(Program("worker", command, {"PYTHONPATH": str(tmp_path)}))
        send("effects.perform", 0)
        first = answer(tmp_path / "0", boss)
        for _ in range(2):
            send("reports.poll", 8.0)
        time.sleep(1)
        sent = time.time()
        send("effects.perform", 1)
        second = answer(tmp_path / "1", boss)
        assert second[1] - sent < 5  # before any report has ended
        assert second[0] != first[0]
        until = time.monotonic() + 60
        while len(children := psutil.Process(worker.pid).children()) > 1 and time.monotonic() < until:
            time.sleep(0.1)
        assert [one.pid for one in children] == [first[0]], "the oldest stays"
        send("effects.perform", 2)
        assert answer(tmp_path / "2", boss)[0] == first[0]
    finally:
        boss.stop()


def answer(file, boss):
    """Wait for what a task wrote: its process, and when."""
    boss.wait_until(lambda: file.exists() and " " in file.read_text(), what="the task", needs="worker", timeout=60)
    number, at = file.read_text().split()
    return int(number), float(at)
