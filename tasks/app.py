"""The Celery application. A message carries ids at most; losing, doubling or delaying it is harmless.

So results are off, nothing has an ETA (Redis delivers those again and again beyond the visibility time-out),
and what is due later is a row that a tick finds.
"""

import os
import sys
import warnings
from importlib import import_module
from typing import Any

import structlog
from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import beat_init, celeryd_after_setup, celeryd_init, setup_logging
from kombu import Queue

from bridge.config import redis_address, settings
from bridge.config.errors import SettingsError
from bridge.observability import logs
from bridge.services import memory
from bridge.services.queue import QUEUES, RENAMED_QUEUES, RENAMED_TASKS, served_queues
from bridge.version import VERSION

# A developer's container runs as root. Celery warns because pickled messages would be dangerous there; ours are JSON.
warnings.filterwarnings("ignore", category=SecurityWarning)

#: What a worker needs and beat does not: the tasks, and with them the database, Integr8's client and numpy.
TASKS = ("journal", "effects", "rules", "reports", "maintenance", "notices", "worker")

_broker, _broker_options = redis_address.broker(os.environ.get("REDIS_URL"))
celery = Celery("bridge", broker=_broker)
celery.conf.update(
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_acks_late=True,  # a killed worker's message comes back; running it twice is harmless
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,  # a message that waits behind a long task can be taken by another worker
    broker_transport=f"tasks.broker:{'SentinelTransport' if _broker_options else 'Transport'}",  # drops bad messages
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": 600,
        "socket_keepalive": True,
        "health_check_interval": 10,  # notices a server that was killed and replaced
        "socket_timeout": 30,
        **_broker_options,
    },
    task_queues=[Queue(name) for name in sorted(set(QUEUES.values()))],
    task_default_queue="maintenance",
    task_routes={name: {"queue": queue} for name, queue in QUEUES.items()},
    task_soft_time_limit=540,
    task_time_limit=590,
    worker_soft_shutdown_timeout=6,  # with WARM and what a busy machine adds, below the supervisor's kill time-out
    worker_enable_soft_shutdown_on_idle=True,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_send_task_events=False,
    worker_pool="tasks.autoscale:Pool",
    worker_autoscaler="tasks.autoscale:OnDemand",  # of a worker that is started with --autoscale
    beat_scheduler="tasks.beat:Scheduler",  # nothing to remember: due slots are rows
    beat_max_loop_interval=1,
    timezone="UTC",
    beat_schedule={
        "tick": {"task": "maintenance.tick", "schedule": 1.0, "options": {"expires": 5}},
        "sweep": {"task": "maintenance.sweep", "schedule": 5.0, "options": {"expires": 15}},
        "notices": {"task": "notices.deliver", "schedule": 2.0, "options": {"expires": 5}},
        "pulse": {"task": "maintenance.heartbeat", "schedule": 60.0, "options": {"expires": 50}},
        "retention": {"task": "maintenance.retention", "schedule": 3600.0, "options": {"expires": 600}},
    },
)


@setup_logging.connect
def _logs(**_: Any) -> None:
    """Prevent Celery's own logging set-up; ours cleans the lines."""
    logs.set_up_logs(os.environ.get("BRIDGE_LOG", "console"), process=os.environ.get("BRIDGE_PROCESS", "worker"))


def set_up_sentry(process: str) -> None:
    """Set Sentry up; without SENTRY_DSN the SDK is not even imported."""
    found = settings.load()
    if found.sentry.dsn:
        import_module("bridge.observability.sentry").set_up_sentry(
            found.sentry, process=process, environment=found.environment, release=f"integr8-bridge@{VERSION}"
        )


@celeryd_init.connect
def check_settings(**_: Any) -> None:
    """End a process that cannot use its settings, with a readable message; a supervisor starts it again."""
    try:
        import_module("bridge.operations.check").refuse_unusable(settings.load())  # beat has no use for it
    except SettingsError as error:
        sys.stderr.write(f"integr8-bridge: {error}\n")
        raise SystemExit(1) from None


@celeryd_init.connect
def load_tasks(**_: Any) -> None:
    """Load tasks in a worker before it forks. Beat sends names and loads none of the modules behind them."""
    memory.be_small()
    for name in TASKS:
        import_module(f"tasks.{name}")
    # Under `up` all workers are forked from one parent: one that is asked to go must not stop the work of the others.
    import_module("bridge.services.container").leaving.renew()
    for old, new in RENAMED_TASKS.items():
        celery.tasks[old] = celery.tasks[new]
    memory.before_fork()


@celeryd_after_setup.connect
def serve_renamed_queues(instance: Any = None, **_: Any) -> None:
    """Let a worker of `--queues upkeep` serve `maintenance` too, and the other way round."""
    queues = instance.app.amqp.queues
    for old, new in RENAMED_QUEUES.items():
        served = {old, new} & {*queues.consume_from}
        if old in served:
            structlog.get_logger().warning(
                "renamed queue", queue=old, remedy=f"give the worker --queues {new}; {old} works for one more version"
            )
        for name in {old, new} - served if served else ():
            queues.select_add(name)


@celeryd_after_setup.connect
def serve_accounts(instance: Any = None, **_: Any) -> None:
    """Serve queues of accounts in addition to the chosen ones, or instead of them if this worker was given accounts."""
    found, queues = settings.load(), instance.app.amqp.queues
    chosen = sorted(queues.consume_from)
    served = served_queues(chosen, found.own_queues, found.worker_accounts)
    if not served:
        words = f"the queues {', '.join(chosen)} hold nothing of the accounts {', '.join(found.worker_accounts or ())}"
        sys.stderr.write(f"integr8-bridge: BRIDGE_WORKER_ACCOUNTS: {words}; add shared, or other --queues\n")
        raise SystemExit(1)
    for name in {*chosen} - {*served}:
        queues.deselect(name)
    for name in {*served} - {*chosen}:
        queues.select_add(name)


@beat_init.connect
def _beat(**_: Any) -> None:
    check_settings()
    set_up_sentry("beat")
