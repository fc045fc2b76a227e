"""The Celery application. A message carries ids at most; losing, doubling or delaying it is harmless.

So results are off, nothing has an ETA (Redis delivers those again and again beyond the visibility time-out),
and what is due later is a row that a tick finds.
"""

import os
import signal
import sys
import threading
import warnings
from typing import Any

import structlog
from billiard import active_children
from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import (
    beat_init,
    celeryd_init,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from kombu import Queue
from sqlalchemy.exc import SQLAlchemyError

from bridge.config import settings
from bridge.config.errors import SettingsError
from bridge.observability import logs, metrics_server, sentry, tracing
from bridge.operations import startup_check
from bridge.services import container, garbage_collection
from bridge.services.queue import QUEUES
from bridge.store.lease_release import hand_back
from bridge.version import VERSION
from bridge.web.health import checks

# A developer's container runs as root. Celery warns because pickled messages would be dangerous there; ours are JSON.
warnings.filterwarnings("ignore", category=SecurityWarning)

log = structlog.get_logger()

WARM = 2.0  # seconds to finish by oneself; together with the soft shutdown below the supervisor's 15
_children: set[int] = set()  # of this worker, when it was asked to go

celery = Celery("bridge", broker=os.environ.get("REDIS_URL"))
celery.conf.update(
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_acks_late=True,  # a killed worker's message comes back; running it twice is harmless
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,  # a message that waits behind a long task can be taken by another worker
    broker_transport="tasks.broker:Transport",  # a message that is none must not end the worker
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": 600,
        "socket_keepalive": True,
        "health_check_interval": 10,  # notices a server that was killed and replaced
        "socket_timeout": 30,
    },
    task_queues=[Queue(name) for name in sorted(set(QUEUES.values()))],
    task_default_queue="upkeep",
    task_routes={name: {"queue": queue} for name, queue in QUEUES.items()},
    task_soft_time_limit=540,
    task_time_limit=590,
    worker_soft_shutdown_timeout=8,  # below the supervisor's kill time-out
    worker_enable_soft_shutdown_on_idle=True,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_send_task_events=False,
    beat_scheduler="tasks.beat:Scheduler",  # nothing to remember: due slots are rows
    beat_max_loop_interval=1,
    timezone="UTC",
    beat_schedule={
        "tick": {"task": "upkeep.tick", "schedule": 1.0, "options": {"expires": 5}},
        "sweep": {"task": "upkeep.sweep", "schedule": 5.0, "options": {"expires": 15}},
        "notices": {"task": "notices.deliver", "schedule": 2.0, "options": {"expires": 5}},
        "pulse": {"task": "upkeep.pulse", "schedule": 60.0, "options": {"expires": 50}},
        "tidy": {"task": "upkeep.tidy", "schedule": 3600.0, "options": {"expires": 600}},
    },
    imports=["tasks.journal", "tasks.effects", "tasks.rules", "tasks.reports", "tasks.upkeep", "tasks.notices"],
)


@setup_logging.connect
def _logs(**_: Any) -> None:
    """Celery's own logging set-up stays out; ours scrubs."""
    logs.set_up_logs(os.environ.get("BRIDGE_LOG", "console"), process=os.environ.get("BRIDGE_PROCESS", "worker"))


def _sentry(process: str) -> None:
    found = settings.load()
    sentry.set_up_sentry(
        found.sentry, process=process, environment=found.environment, release=f"integr8-bridge@{VERSION}"
    )


@task_prerun.connect
def _begin(task: Any = None, **_: Any) -> None:
    name = getattr(task, "name", "")
    sentry.begin(os.environ.get("BRIDGE_PROCESS", "worker"), name)
    if name in QUEUES:
        container.services().queue.begun(name)  # before it looks at any row


@task_postrun.connect
def _end(**_: Any) -> None:
    container.services().meter.write()


@worker_process_init.connect
def _child(**_: Any) -> None:
    """Engines, HTTP clients and Sentry's transport do not survive a fork: each child makes its own."""
    container.forget()
    _sentry("worker")
    tracing.set_up(os.environ.get("BRIDGE_PROCESS", "worker"), VERSION)
    garbage_collection.rest()


@worker_process_shutdown.connect
def _child_ends(**_: Any) -> None:
    tracing.close()


@worker_ready.connect
def _ready(**_: Any) -> None:
    """Whatever waited while no worker was there is looked for at once, not at the next sweep."""
    _serve_metrics()
    if "upkeep" not in celery.amqp.queues.consume_from:
        return  # of several workers of a machine one checks and sweeps
    celery.send_task("upkeep.sweep")
    threading.Thread(target=_look_around, name="start-up checks", daemon=True).start()


def _look_around() -> None:
    """Runs in a thread, because Integr8 may be slow, with a container of its own, because children are forked."""
    services = container.Services(settings.load())
    try:
        startup_check.tell(startup_check.look_around(services, services.clock(), health=checks))
    except (SQLAlchemyError, SettingsError, OSError) as error:
        log.warning("start-up checks were not finished", error=f"{type(error).__name__}: {error}".partition("\n")[0])
    finally:
        services.close()


def _serve_metrics() -> None:
    """In the parent, for all its children. Being unwatched must not stop the work, so a taken port is only said."""
    found = settings.load()
    where = found.worker_metrics
    if where is None:
        return
    try:
        metrics_server.serve(where, found.metrics_token)
    except OSError as error:
        text = f"{error}; give each worker of a machine its own port in BRIDGE_WORKER_METRICS"
        log.warning("metrics are not served", address=f"{where.host}:{where.port}", error=text)


@worker_shutting_down.connect
def _leaving(**_: Any) -> None:
    """A warm shutdown finishes its tasks; long ones look at the sign between steps. One that hangs is cut off.

    Celery's warm shutdown has no end of its own: SIGQUIT turns it into the soft one, which has.
    """
    if container.leaving.is_set():
        return
    container.leaving.set()
    _children.update(one.pid for one in active_children() if one.pid)
    cut = threading.Timer(WARM, os.kill, (os.getpid(), signal.SIGQUIT))
    cut.daemon = True
    cut.start()


@worker_shutdown.connect
def _left(**_: Any) -> None:
    """All children have ended. What one of them still held is for others, now."""
    services = container.Services(settings.load())
    try:
        with services.store.write() as session:
            freed = hand_back(session, _children, services.clock())
        if freed:
            log.info("handed back", rows=freed)
    except (SQLAlchemyError, SettingsError) as error:
        log.warning("not handed back; the leases end by themselves", error=type(error).__name__)
    finally:
        services.close()


@celeryd_init.connect
def _check_settings(**_: Any) -> None:
    """A process that cannot read its settings says so in words and ends; a supervisor starts it again."""
    try:
        settings.load()
    except SettingsError as error:
        sys.stderr.write(f"integr8-bridge: {error}\n")
        raise SystemExit(1) from None


@beat_init.connect
def _beat(**_: Any) -> None:
    _check_settings()
    _sentry("beat")
