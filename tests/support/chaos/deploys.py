"""Troubles of an upgrade: messages of a newer version, and processes that are replaced one after the other."""

import base64
import signal
import uuid

import orjson

from bridge.services.queue import QUEUES
from chaos.load import Load
from chaos.rig import WORKERS, Rig


def _message(task: str, queue: str, arguments: dict[str, object]) -> bytes:
    """As Celery's protocol 2 has it."""
    name = str(uuid.uuid4())
    body = base64.b64encode(orjson.dumps([[], arguments, {}])).decode()
    headers = {"task": task, "id": name, "root_id": name, "lang": "py", "new_in_this_version": True}
    routing = {"exchange": "", "routing_key": queue}
    properties = {"delivery_tag": name, "delivery_info": routing, "delivery_mode": 2, "body_encoding": "base64"}
    return orjson.dumps(
        {
            "body": body,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": headers,
            "properties": properties,
        }
    )


def newer_messages(rig: Rig, _load: Load) -> None:
    """What a newer version might send to workers of this one: arguments and tasks that they do not know."""
    with rig.redis() as client:
        for task, queue in QUEUES.items():
            client.lpush(queue, _message(task, queue, {"since": "2027-01-01", "shard": 4}))
            client.lpush(queue, _message(f"{task}_by_shard", queue, {"shard": 4}))


def rolling_restart(rig: Rig, _load: Load) -> None:
    """docs/how-to/upgrade.md: workers one after the other, then beat, then web."""
    for name in (*WORKERS, "beat", "web"):
        before = rig.boss.pids()[name]
        rig.signal(name, signal.SIGTERM)
        rig.until(lambda name=name, before=before: rig.boss.pids()[name] != before, f"{name} is started anew")
