"""What is no message must not end a worker, nor keep it from the messages behind it."""

import pytest
import redis
from kombu import Connection

from tasks.app import celery

POISON = [b"this is no message", b'{"half": ', b"5", b"[]", b'{"no": "properties"}', b"\xff\xfe"]


@pytest.mark.parametrize("poison", POISON)
def test_the_message_behind_a_poison_one_is_delivered(redis_url, poison):
    with redis.Redis.from_url(redis_url) as client:
        client.lpush("poisoned", poison)
    with Connection(redis_url, transport=celery.conf.broker_transport) as connection:
        queue = connection.SimpleQueue("poisoned")
        queue.put({"real": True})
        message = queue.get(timeout=120)
        message.ack()
        queue.close()
    assert message.payload == {"real": True}
