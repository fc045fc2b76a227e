"""REDIS_URL may name Sentinels: real ones, whose master is killed."""

import contextlib
import os
import signal
import subprocess
import time

import pytest
import redis
from kombu import Connection

from bridge.cli.local.supervisor import _valkey_server, free_port
from bridge.config import redis_address
from bridge.config.redis_address import BadAddress, Sentinels
from bridge.services.queue import QUEUES, Queue
from tasks.broker import SentinelTransport

PROCESS = "journal.process"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("redis://h:6379/0", None),
        ("rediss://h/1", None),
        ("unix:///run/redis.sock", None),
        ("redis+sentinel://a:1,b/mymaster", Sentinels((("a", 1), ("b", 26379)), "mymaster")),
        (
            "redis+sentinel://me:p%40ss@a:1,[::1]:2/m/3?sentinel_password=x%26y",
            Sentinels((("a", 1), ("::1", 2)), "m", 3, "me", "p@ss", "x&y"),
        ),
    ],
)
def test_an_address_names_a_server_or_a_group(url, found):
    assert redis_address.sentinels(url) == found


@pytest.mark.parametrize(
    "url",
    [
        "http://h", "h:6379", "", "redis+sentinel://a:1", "redis+sentinel:///m", "redis+sentinel://a:x/m",
        "redis+sentinel://a/m/x", "sentinel://a/m",
    ],
)  # fmt: skip
def test_an_address_that_names_nothing_says_what_to_write(url):
    with pytest.raises(BadAddress, match=r"write redis(\+sentinel)?://"):
        redis_address.sentinels(url)


def test_a_password_is_not_in_the_text_of_a_group():
    assert "secret" not in repr(redis_address.sentinels("redis+sentinel://:secret@a/m?sentinel_password=secret"))


def test_celery_gets_the_group_in_its_own_form():
    url = "redis+sentinel://me:p%40ss@a:1,[::1]:2/m/3?sentinel_password=x"
    assert redis_address.broker(url) == (
        "sentinel://me:p%40ss@a:1/3;sentinel://me:p%40ss@[::1]:2/3",
        {"master_name": "m", "sentinel_kwargs": {"password": "x"}},
    )
    assert redis_address.broker("redis://h/0") == ("redis://h/0", {})
    assert redis_address.broker(None) == (None, {})


class Group:
    """A master, a copy of it, and a Sentinel that makes the copy the master when the master is gone."""

    def __init__(self, place):
        self.place = place
        self.running: dict[int, subprocess.Popen] = {}
        self.master, self.copy, self.sentinel = (free_port() for _ in range(3))

    def start(self, port, *lines, sentinel=False):
        file = self.place / f"{port}.conf"
        own = ("" if sentinel else 'save ""\n') + f"port {port}\nbind 127.0.0.1\ndir {self.place}\n"
        file.write_text(own + "".join(f"{line}\n" for line in lines))
        command = [str(_valkey_server()), str(file), *(["--sentinel"] if sentinel else [])]
        self.running[port] = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(lambda: redis.Redis(port=port).ping())

    def kill(self, port):
        os.kill(self.running[port].pid, signal.SIGKILL)
        self.running.pop(port).wait(60)

    def stop(self):
        for process in self.running.values():
            process.terminate()
            process.wait(60)


def until(true, seconds=120):
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(redis.RedisError, OSError):
            if true():
                return
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def group(tmp_path):
    made = Group(tmp_path)
    try:
        made.start(made.master)
        made.start(made.copy, f"replicaof 127.0.0.1 {made.master}")
        made.start(
            made.sentinel, f"sentinel monitor bridge 127.0.0.1 {made.master} 1",
            "sentinel down-after-milliseconds bridge 300", "sentinel failover-timeout bridge 3000", sentinel=True,
        )  # fmt: skip
        sentinel = redis.Redis(port=made.sentinel, decode_responses=True)
        until(lambda: redis.Redis(port=made.copy).info("replication")["master_link_status"] == "up")
        until(lambda: len(sentinel.execute_command("SENTINEL", "REPLICAS", "bridge")) == 1)
        yield made
    finally:
        made.stop()


def test_wake_ups_and_marks_follow_the_master(group):
    url = f"redis+sentinel://127.0.0.1:{group.sentinel}/bridge/0"
    queue, client = Queue(url), redis_address.client(url, socket_timeout=2)
    assert queue.wake(PROCESS)
    assert redis.Redis(port=group.master).llen(QUEUES[PROCESS]) == 1
    group.kill(group.master)
    until(lambda: redis.Redis(port=group.copy).info("replication")["role"] == "master")
    until(lambda: client.set("mark", b"1"))
    until(lambda: queue.wake(PROCESS))
    assert redis.Redis(port=group.copy).get("mark") == b"1"
    address, options = redis_address.broker(url)
    with Connection(address, transport=SentinelTransport, transport_options=options) as connection:
        taken = connection.SimpleQueue(QUEUES[PROCESS]).get(timeout=60)
        assert taken.headers["task"] == PROCESS
        taken.ack()
    queue.close()
