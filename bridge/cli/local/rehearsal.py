"""Run in the fork server what each worker does every second, once, on an empty database in memory.

Python prepares code when it runs for the first time, and SQLAlchemy its mappings. Done before the fork, all processes
share the result: a worker needs a quarter less for itself. There is no event, no item and no effect, nobody is told
anything, and no rule runs.
"""

import os
from pathlib import Path

import structlog

from bridge.config import rulebook, settings
from bridge.observability import multiprocess
from bridge.operations import decide, maintenance
from bridge.services.container import Services
from bridge.services.queue import Queue
from bridge.store.engine import Base, Store, make_engine


def rehearse() -> None:
    """Run common code once before the fork. Raises SettingsError if the settings cannot be read."""
    # A logger keeps how it was configured when it first wrote; the processes configure their own.
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), cache_logger_on_first_use=False)
    store = Store(make_engine("sqlite://"))
    Base.metadata.create_all(store.engine)
    services = Services(settings.load(), store=store, queue=Queue(None))
    try:
        rulebook.publish(store, services.settings, now=services.clock())
        maintenance.tick(services, services.clock())
        maintenance.stalled_tasks(services, services.clock())
        decide.process_events(services, services.clock())
    finally:
        services.close()
        maintenance.look_again()
        _forget_counters()


def _forget_counters() -> None:
    """Reset the counters of the rehearsal. Each process creates its own files after the fork."""
    place = multiprocess.place()
    for file in Path(place).glob(f"*_{os.getpid()}.db") if place else ():
        file.unlink(missing_ok=True)
