"""The rights of a Redis user that the guide names are enough for everything we do there, and for nothing dangerous."""

import re
from pathlib import Path

import pytest
import redis
from kombu import Connection, Exchange, Producer
from kombu import Queue as Named

from bridge.config import redis_address
from bridge.integr8.rate_budget import RedisBudget
from bridge.integr8.rate_limiter import Outcome, Priority
from bridge.services.queue import QUEUES, Queue
from tasks.broker import Transport

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "deploy.md"
PROCESS = "journal.process"


@pytest.fixture
def limited(redis_url):
    """The address for a user with the rights of the guide, and the server as its owner sees it."""
    [line] = re.findall(r"(?m)^bridge on .*$", GUIDE.read_text())
    with redis.Redis.from_url(redis_url) as owner:
        owner.execute_command("ACL", "SETUSER", *line.replace("PASSWORD", "a-password").split())
        owner.execute_command("ACL", "LOG", "RESET")
        yield redis_url.replace("://", "://bridge:a-password@"), owner
        owner.execute_command("ACL", "DELUSER", "bridge")


def test_the_rights_suffice(limited):
    url, owner = limited
    queue = Queue(url)
    assert queue.wake(PROCESS)
    queue.debounce(PROCESS, 1)
    assert queue.debounced(PROCESS)
    queue.clear(PROCESS)
    client = redis_address.client(url)
    budget = RedisBudget(client, "a-key", 5, 5)
    assert budget.ask(Priority.URGENT, "token") >= 0  # a new budget lets a second pass first
    budget.settle("token", Outcome.ANSWERED)
    assert budget.state()
    assert client.info()["redis_version"]
    with Connection(url, transport=Transport) as connection:
        taken = connection.SimpleQueue(QUEUES[PROCESS]).get(timeout=30)
        taken.ack()
        fanout = Exchange("all", type="fanout")
        with connection.channel() as channel:  # as workers hear of a shutdown
            Named("mine", fanout, exclusive=True)(channel).declare()
            Producer(channel, fanout).publish({"hello": 1})
        connection.default_channel.qos.restore_visible(num=10)
    assert owner.acl_log() == []
    queue.close()


@pytest.mark.parametrize("command", ["FLUSHALL", "CONFIG GET *", "KEYS *", "ACL LIST", "SHUTDOWN", "MONITOR"])
def test_nothing_dangerous_is_among_them(limited, command):
    client = redis_address.client(limited[0])
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command.split())
