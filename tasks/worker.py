"""The worker process: set-up after the fork, start-up checks, metrics, and a safe shutdown."""

import os
import signal
import threading
from contextlib import closing
from typing import Any

import structlog
from billiard import Process, active_children, current_process
from celery.signals import (
    task_postrun,
    task_prerun,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from sqlalchemy.exc import SQLAlchemyError

from bridge.config import settings
from bridge.config.errors import SettingsError
from bridge.observability import metrics_server, multiprocess, sentry, tracing
from bridge.operations import startup_check
from bridge.operations.health_checks import checks
from bridge.services import container, garbage_collection
from bridge.services.queue import QUEUES, Announcer, Queue
from bridge.store.lease_release import hand_back
from bridge.version import VERSION
from tasks.app import celery, set_up_sentry

log = structlog.get_logger()

WARM = 2.0  # seconds to finish by oneself; together with the soft shutdown below the supervisor's 15
_children: set[int] = set()  # of this worker, when it was asked to go
_begun_with: list[settings.Settings] = []  # what the parent read when it started: by its end a secret may be missing


@task_prerun.connect
def _begin(task: Any = None, kwargs: Any = None, **_: Any) -> None:
    name = getattr(task, "name", "")
    sentry.begin(os.environ.get("BRIDGE_PROCESS", "worker"), name)
    if name in QUEUES:
        container.services().queue.started(name, (kwargs or {}).get("account"))  # before it looks at any row


@task_postrun.connect
def _end(**_: Any) -> None:
    container.services().meter.write()


@worker_process_init.connect
def _child(**_: Any) -> None:
    """Create engines, HTTP clients and Sentry's transport in each child, because they do not survive a fork."""
    container.forget()
    process: Any = current_process()
    multiprocess.count_as(f"{os.getppid()}-{process.index}")
    set_up_sentry("worker")
    tracing.set_up(os.environ.get("BRIDGE_PROCESS", "worker"), VERSION)
    garbage_collection.rest()


@worker_process_shutdown.connect
def _child_ends(**_: Any) -> None:
    tracing.close()


@worker_ready.connect
def _ready(**_: Any) -> None:
    """Look at once for everything that waited while no worker was there, not at the next sweep."""
    _serve_metrics()
    served = sorted(celery.amqp.queues.consume_from)
    queue = Queue(_begun_with[0].redis_url)  # read once: by now a secret may be missing
    queue.announce(served)
    Announcer(queue, served).start()
    if "maintenance" not in served:
        return  # of several workers of a machine one checks and sweeps
    celery.send_task("maintenance.sweep")
    checking = Process(target=_look_around, name="start-up checks", daemon=True)
    checking.start()
    threading.Thread(target=checking.join, name="start-up checks", daemon=True).start()  # so that it is reaped


def _look_around() -> None:
    """Run the checks beside the work, because Integr8 may be slow, and in a process, which returns their memory."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # the fork inherited what a worker does
    container.forget()
    services = container.Services(settings.load())
    try:
        startup_check.tell(startup_check.look_around(services, services.clock(), health=checks))
    except (SQLAlchemyError, SettingsError, OSError) as error:
        log.warning("start-up checks were not finished", error=f"{type(error).__name__}: {error}".partition("\n")[0])
    finally:
        services.close()


def _serve_metrics() -> None:
    """Serve metrics in the parent, for all its children. A taken port is only logged, because work must continue."""
    found = settings.load()
    _begun_with[:] = [found]
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
    """Shut down warmly: finish its tasks; long ones check the flag between steps. A hanging one is cut off.

    Celery's warm shutdown has no time limit: SIGQUIT turns it into the soft one, which has.
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
    """Release the remaining leases at once when all children have ended."""
    try:
        services = container.Services(_begun_with[0] if _begun_with else settings.load())
        with closing(services), services.store.write() as session:
            freed = hand_back(session, _children, services.clock())
        if freed:
            log.info("leases released", rows=freed)
    except (SQLAlchemyError, SettingsError) as error:
        words = f"{type(error).__name__}: {error}".partition("\n")[0]
        log.warning("leases not released; they expire by themselves", error=words)
