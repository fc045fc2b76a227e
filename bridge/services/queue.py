"""Asking for work by name. A nudge is only a hint: the rows are the truth, and a sweep finds what a lost nudge left.

So the two sides differ in patience. The webhook endpoint answers a sender while it nudges and may never wait for Redis;
it hands the name to a thread, which sends at most one message per name and `PAUSE`, the last one always.

One message of a name waits at a time: a mark in Redis stands for it until a worker begins. Whatever is committed
while the mark stands is seen by that worker, so a second message would add nothing, and under load they would pile up
faster than workers can take them, with every tick waiting behind them.
"""

import threading

import redis
import structlog
from celery import Celery
from kombu.exceptions import OperationalError

log = structlog.get_logger()

PAUSE = 0.02  # seconds between two nudges of one name: a batch per message, not a message per webhook
PATIENCE = 0.3  # seconds that a nudge may take when Redis is silent
HELD = b"held"  # the value of a mark that stands for a worker which will look, not for a message
FORGOTTEN = 3_000  # ms; a mark whose message was lost with its worker stands in nobody's way for longer

#: Which queue a task waits in. Urgent work has its own, so that no report can stand in front of a pause.
QUEUES = {
    "journal.drain": "journal",
    "effects.perform": "effects",
    "reports.poll": "reports",
    "rules.run_due": "journal",
    "rules.try": "reports",
    "notices.deliver": "upkeep",
    "upkeep.pulse": "upkeep",
    "upkeep.sweep": "upkeep",
    "upkeep.tick": "upkeep",
    "upkeep.tidy": "upkeep",
}


def sender(redis_url: str) -> Celery:
    """A Celery application that can only send, and gives up quickly (kombu retries for seconds by default)."""
    app = Celery("bridge", broker=redis_url, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        broker_connection_timeout=PATIENCE,
        broker_transport_options={
            "max_retries": 0,
            "socket_timeout": PATIENCE,
            "socket_connect_timeout": PATIENCE,
        },
    )
    return app


class Queue:
    """Sends task names to the workers. Without an address, as on a command line, the sweep finds the work."""

    def __init__(self, redis_url: str | None) -> None:
        self._app = sender(redis_url) if redis_url else None
        self._marks = (
            redis.Redis.from_url(redis_url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
            if redis_url
            else None
        )

    def nudge(self, name: str) -> bool:
        """Ask for a task now. False when Redis did not take it: the sweep will find the work."""
        if self._app is None or self._marks is None:
            return False
        try:
            if self._marks.set(_mark(name), b"", nx=True, px=FORGOTTEN):
                self._app.send_task(name, queue=QUEUES[name], retry=False, ignore_result=True)
        except (OperationalError, redis.RedisError, OSError) as error:
            log.warning("nudge lost", task=name, error=str(error))
            return False
        return True

    def begun(self, name: str) -> None:
        """A worker is about to look at the rows: what comes from now on needs a message of its own."""
        if not self.held_off(name):
            self.let_go(name)

    def hold_off(self, name: str, seconds: float) -> None:
        """Nobody else need look for so long: we look at the rows ourselves when it is over, after `let_go`.

        The mark outlives that only a little, in case we do not; then the sweep finds the rows.
        """
        if self._marks is None:
            return
        try:
            self._marks.set(_mark(name), HELD, px=round(seconds * 1000) * 2)
        except (redis.RedisError, OSError) as error:
            log.warning("not held off", task=name, error=str(error))  # somebody looks earlier, which harms nothing

    def held_off(self, name: str) -> bool:
        """Whether another worker looks at the rows soon. False when Redis does not say."""
        try:
            return self._marks is not None and self._marks.get(_mark(name)) == HELD
        except (redis.RedisError, OSError):
            return False

    def let_go(self, name: str) -> None:
        """End a mark, before looking at the rows."""
        if self._marks is None:
            return
        try:
            self._marks.delete(_mark(name))
        except (redis.RedisError, OSError) as error:
            log.warning("mark kept", task=name, error=str(error))  # it ends by itself

    def close(self) -> None:
        if self._marks is not None:
            self._marks.close()


def _mark(name: str) -> str:
    return f"bridge:nudged:{name}"


class Nudger(threading.Thread):
    """Collects nudges of one process and sends them from a thread of its own."""

    def __init__(self, queue: Queue) -> None:
        super().__init__(name="nudger", daemon=True)
        self._queue = queue
        self._wanted: set[str] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()

    def nudge(self, name: str) -> None:
        """Costs the caller a set insertion; the message follows within PAUSE."""
        with self._lock:
            self._wanted.add(name)
        self._wake.set()

    def run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait()
            self._wake.clear()
            with self._lock:
                names, self._wanted = self._wanted, set()
            for name in names:
                self._queue.nudge(name)
            self._stop.wait(PAUSE)

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        self.join(timeout=2)
