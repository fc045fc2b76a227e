"""Wake the workers: ask for a task by its name. A wake-up is only a hint, because the work is in the database.

A sweep finds the work of a wake-up that was lost. The webhook endpoint must never wait for Redis while it answers a
sender, so it gives the name to a thread, which sends at most one message per name and `PAUSE`, always the last one.

At most one message of a name waits: a mark in Redis stands for it until a worker starts. That worker sees everything
that is committed while the mark exists, so a second message would add nothing, and under load messages would pile up
faster than workers take them, with every scheduler tick waiting behind them.

An account may have queues of its own (`accounts.<name>.queues: own`): then what is done for it alone waits in
`effects.ACCOUNT`, `reports.ACCOUNT` and `journal.ACCOUNT`, with marks of their own. Which worker serves which queues is
known from a key that each of them renews.
"""

import threading
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

import redis
import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from bridge.config import redis_address, renamed

log = structlog.get_logger()

PAUSE = 0.02  # seconds between two wake-ups of one name: a batch per message, not a message per webhook
WAKE_TIMEOUT = 0.3  # seconds that a wake-up may take when Redis does not answer
RUSH = "bridge:rush"  # a key that exists while so many webhooks come that work in large batches pays
RUSH_MS = 250  # ms for which it stands, from the last wake-up of a rush on
HELD = b"held"  # the value of a mark that means: a worker will look, no message waits
MIN_DEBOUNCE_MS = 100  # ms
#: Asks for a task: hands it to a worker that stands by, or says 1 where a message must be sent; 0 where a worker
#: looks anyway, where a message waits already, or where too many do.
WANTED = """
if ARGV[3] ~= '0' then redis.call('SET', KEYS[5], '', 'PX', ARGV[3]) end
if redis.call('GET', KEYS[1]) == ARGV[1] then return 0 end
if redis.call('DEL', KEYS[3]) == 1 then
  redis.call('RPUSH', KEYS[4], '')
  redis.call('PEXPIRE', KEYS[4], ARGV[2])
  return 0
end
if not redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[2]) then return 0 end
if redis.call('LLEN', KEYS[2]) >= tonumber(ARGV[4]) then return 0 end
return 1
"""
#: Stands by for a task, unless another worker does or a message waits in one of the queues that follow.
STAND_BY = """
for number = 2, #KEYS do
  if redis.call('LLEN', KEYS[number]) > 0 then return 0 end
end
return redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[1]) and 1 or 0
"""
#: Clears a mark unless it is held. One question instead of two, and nobody can come in between.
STARTED = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then redis.call('DEL', KEYS[1]) end"
FORGOTTEN = 3_000  # ms; when a message is lost with its worker, its mark blocks others for at most so long

#: Names of tasks in version 0.1. A worker carries out a message that was queued under one of them.
RENAMED_TASKS = {
    "journal.drain": "journal.process",
    "rules.try": "rules.backtest",
    "upkeep.pulse": "maintenance.heartbeat",
    "upkeep.sweep": "maintenance.sweep",
    "upkeep.tick": "maintenance.tick",
    "upkeep.tidy": "maintenance.retention",
}
#: A worker that is given one of the two names serves both: the old one may hold messages, or stand in a command line.
RENAMED_QUEUES = renamed.new_names("queue of workers")

#: Which queue a task waits in. Urgent work has its own, so that no report can stand in front of a pause.
QUEUES = {
    "journal.process": "journal",
    "effects.perform": "effects",
    "reports.poll": "reports",
    "rules.run_due": "journal",
    "rules.backtest": "reports",
    "rules.answer": "reports",
    "notices.deliver": "maintenance",
    "maintenance.heartbeat": "maintenance",
    "maintenance.sweep": "maintenance",
    "maintenance.tick": "maintenance",
    "maintenance.retention": "maintenance",
}
#: What is done for one account, whoever does it: these tasks can wait in queues of that account.
BY_ACCOUNT = ("effects.perform", "reports.poll", "rules.run_due")
SHARED = "shared"  # in BRIDGE_WORKER_ACCOUNTS: what waits in the queues that belong to no account
MAX_WAITING = 100  # messages; in a queue that nobody serves no more of them pile up
SERVED_MS = 30_000  # ms for which a queue counts as served
ANNOUNCE_SECONDS = 10.0


class WakeUp(NamedTuple):
    """A task to request; with an account, in that account's own queue."""

    task: str
    account: str | None = None

    @property
    def queue(self) -> str:
        return queue_of(QUEUES[self.task], self.account)

    @property
    def mark(self) -> str:
        return self._key("wake")

    @property
    def idle(self) -> str:
        """A key that stands while a worker stands by for this."""
        return self._key("idle")

    @property
    def signal(self) -> str:
        """A list from which that worker hears that it is wanted."""
        return self._key("signal")

    def _key(self, what: str) -> str:
        return f"bridge:{what}:{self.task}" + ("" if self.account is None else f":{self.account}")


def queue_of(queue: str, account: str | None) -> str:
    """Return the name of a queue, or of an account's own one beside it."""
    return queue if account is None else f"{queue}.{account}"


def served_queues(chosen: Iterable[str], own: Collection[str], accounts: Collection[str] | None) -> list[str]:
    """Return the queues of a worker with these `--queues`.

    `own`: accounts with their own queues. `accounts`: those that this worker serves, SHARED for the common queues;
    None: all queues.
    """
    of_accounts = {QUEUES[task] for task in BY_ACCOUNT}
    mine = sorted(own) if accounts is None else sorted({*accounts} - {SHARED})
    found = []
    for queue in chosen:
        known = RENAMED_QUEUES.get(queue, queue) in QUEUES.values()
        if accounts is None or SHARED in accounts or not known:
            found.append(queue)
        if queue in of_accounts:
            found += [queue_of(queue, account) for account in mine]
    return found


def sender(redis_url: str) -> Celery:
    """Return a Celery application that can only send, and gives up quickly (kombu retries for seconds by default)."""
    broker, options = redis_address.broker(redis_url)
    app = Celery("bridge", broker=broker, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        broker_connection_timeout=WAKE_TIMEOUT,
        broker_transport_options={
            "max_retries": 0,
            "socket_timeout": WAKE_TIMEOUT,
            "socket_connect_timeout": WAKE_TIMEOUT,
            **options,
        },
    )
    return app


class Queue:
    """Sends task names to the workers. Without an address, as on a command line, the sweep finds the work."""

    def __init__(self, redis_url: str | None, own: Collection[str] = ()) -> None:
        """Create it. `own`: the accounts with their own queues."""
        self._own = sorted(own)
        self._redis_url = redis_url
        self._waiter: redis.Redis | None = None
        self._app = sender(redis_url) if redis_url else None
        self._marks = (
            redis_address.client(redis_url, socket_timeout=WAKE_TIMEOUT, socket_connect_timeout=WAKE_TIMEOUT)
            if redis_url
            else None
        )

    def wake(self, name: str, *, rush: bool = False) -> bool:
        """Request a task now, for every account. Returns False if Redis refused it: the sweep will find the work.

        `rush` tells workers for RUSH_MS that large batches pay (`is_rush`).
        """
        accounts = [None, *self._own] if name in BY_ACCOUNT else [None]
        # One that is lost keeps no other back.
        sent = [self.send(WakeUp(name, account), rush=rush) for account in accounts]
        return all(sent)

    def send(self, wanted: WakeUp, *, rush: bool = False) -> bool:
        """Request a task for one account, or for all without their own queues. Takes and returns the same as `wake`."""
        if self._app is None or self._marks is None:
            return False
        arguments = {} if wanted.account is None else {"account": wanted.account}
        try:
            keys = (wanted.mark, wanted.queue, wanted.idle, wanted.signal, RUSH)
            if self._marks.eval(WANTED, len(keys), *keys, HELD, FORGOTTEN, RUSH_MS if rush else 0, MAX_WAITING):
                self._app.send_task(wanted.task, kwargs=arguments, queue=wanted.queue, retry=False, ignore_result=True)
        except (OperationalError, redis.RedisError, OSError) as error:
            log.warning("wake-up lost", task=wanted.task, account=wanted.account, error=str(error))
            return False
        return True

    def announce(self, queues: Iterable[str]) -> None:
        """Announce for some seconds that a worker serves these queues."""
        if self._marks is None:
            return
        try:
            with self._marks.pipeline(transaction=False) as every:
                for queue in queues:
                    every.set(_served(queue), b"", px=SERVED_MS)
                every.execute()
        except (redis.RedisError, OSError) as error:
            log.warning("served queues not announced", error=str(error))

    def unserved(self, queues: Collection[str]) -> list[str]:
        """Return those of these queues that no worker has announced lately; none if Redis cannot say."""
        if self._marks is None or not queues:
            return []
        try:
            found = self._marks.mget([_served(queue) for queue in queues])
        except (redis.RedisError, OSError):
            return []
        return [queue for queue, value in zip(queues, found, strict=True) if value is None]

    def started(self, name: str, account: str | None = None) -> None:
        """Note that a worker is about to read the rows: later commits need another message."""
        if self._marks is None:
            return
        try:
            self._marks.eval(STARTED, 1, WakeUp(name, account).mark, HELD)
        except (redis.RedisError, OSError) as error:
            log.warning("mark not cleared", task=name, error=str(error))  # it expires

    def debounce(self, name: str, seconds: float) -> None:
        """Note that no other worker needs to start for a while: the caller reads the rows itself, after `clear`.

        The mark lasts twice as long, in case the caller fails; then the sweep finds the rows. On a busy machine a pause
        of a few milliseconds takes far longer, hence the tenth of a second at least.
        """
        if self._marks is None:
            return
        try:
            self._marks.set(_mark(name), HELD, px=max(round(seconds * 1000) * 2, MIN_DEBOUNCE_MS))
        except (redis.RedisError, OSError) as error:
            # Another worker starts earlier, which does no harm.
            log.warning("debounce not set", task=name, error=str(error))

    def debounced(self, name: str) -> bool:
        """Return whether another worker reads the rows soon. False if Redis does not answer."""
        try:
            return self._marks is not None and self._marks.get(_mark(name)) == HELD
        except (redis.RedisError, OSError):
            return False

    def stand_by(self, wanted: WakeUp, seconds: float, queues: Iterable[str] = ()) -> bool:
        """Wait to be wanted again: a wake-up that finds us here saves a message and its way through two processes.

        Returns True as soon as somebody asks for this task, False after these seconds. It returns False at once if
        another worker stands by for it already, if a message waits in one of these queues (the task that it names may
        need this process), or if Redis does not answer. A wake-up is lost if this process is killed meanwhile; then
        the sweep finds the work.
        """
        if not self._redis_url:
            return False
        try:
            if self._waiter is None:  # its answers take longer than those that `_marks` may wait for
                limit = seconds + 2 * WAKE_TIMEOUT
                self._waiter = redis_address.client(
                    self._redis_url, socket_timeout=limit, socket_connect_timeout=WAKE_TIMEOUT
                )
            keys = [wanted.idle, *queues]
            if not self._waiter.eval(STAND_BY, len(keys), *keys, round(1000 * (seconds + WAKE_TIMEOUT))):
                return False
            if self._waiter.blpop([wanted.signal], timeout=seconds):
                return True
            if self._waiter.delete(wanted.idle):
                return False
            self._waiter.lpop(wanted.signal)  # it came at the last moment
        except (redis.RedisError, OSError) as error:
            log.warning("not standing by", task=wanted.task, account=wanted.account, error=str(error))
            return False
        return True

    def is_rush(self) -> bool:
        """Return whether a web process reported lately that large batches pay. False when Redis does not answer."""
        try:
            return self._marks is not None and self._marks.exists(RUSH) == 1
        except (redis.RedisError, OSError):
            return False

    def clear(self, name: str) -> None:
        """Remove the mark, before the rows are read."""
        if self._marks is None:
            return
        try:
            self._marks.delete(_mark(name))
        except (redis.RedisError, OSError) as error:
            log.warning("mark not cleared", task=name, error=str(error))  # it expires

    def close(self) -> None:
        for one in (self._marks, self._waiter):
            if one is not None:
                one.close()


def _mark(name: str) -> str:
    return WakeUp(name).mark


def _served(queue: str) -> str:
    return f"bridge:serves:{queue}"


class Announcer(threading.Thread):
    """Announces again and again which queues a worker serves."""

    def __init__(self, queue: Queue, queues: Collection[str]) -> None:
        super().__init__(name="announcer of queues", daemon=True)
        self._queue = queue
        self._queues = queues
        self._ending = threading.Event()

    def run(self) -> None:
        while not self._ending.wait(ANNOUNCE_SECONDS):
            self._queue.announce(self._queues)

    def stop(self) -> None:
        self._ending.set()


class WakeUpSender(threading.Thread):
    """Collects the wake-ups of one process and sends them from a separate thread, with whether there is a rush."""

    def __init__(self, queue: Queue, is_rush: Callable[[], bool] = lambda: False) -> None:
        super().__init__(name="wake-up sender", daemon=True)
        self._queue = queue
        self._is_rush = is_rush
        self._wanted: set[str] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ending = threading.Event()

    def wake(self, name: str) -> None:
        """Add a wake-up. It costs the caller a set insertion; the message follows within PAUSE."""
        if name in self._wanted:
            return  # it has yet to be sent, and a worker that starts then sees what is committed by now
        with self._lock:
            self._wanted.add(name)
        self._wake.set()

    def run(self) -> None:
        while not self._ending.is_set():
            self._wake.wait()
            self._wake.clear()
            with self._lock:
                names, self._wanted = self._wanted, set()
            for name in names:
                self._queue.wake(name, rush=self._is_rush())
            self._ending.wait(PAUSE)

    def stop(self) -> None:
        self._ending.set()
        self._wake.set()
        self.join(timeout=2)
