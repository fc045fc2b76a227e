"""Load in the fork server what all processes need: their modules, and the objects that each would build alike.

Names only: the supervisor, which lists them, loads none. A module here starts no thread and opens no connection when it
is imported; `tests/cli/test_fork_server.py` counts.
"""

from importlib import import_module

MODULES = (
    *("granian.server.mp", "bridge.web.app"),
    *(f"tasks.{name}" for name in ("app", "beat", "broker", "journal", "effects", "rules", "reports", "maintenance")),
    *("tasks.notices", "tasks.worker", "celery.apps.worker", "celery.apps.beat", "celery.utils.nodenames"),
    *("celery.concurrency.prefork", "celery.worker.components", "celery.worker.consumer.delayed_delivery"),
    *("celery.backends.base", "celery.app.log", "celery.app.control", "billiard.popen_fork", "billiard.heap"),
    *("encodings.idna", "encodings.utf_8_sig", "runpy", "bridge.cli.local.rehearsal"),
)


def warm_up() -> None:
    """Create the objects that every process needs, so that all share them."""
    import_module("sqlalchemy.orm").configure_mappers()
    celery = import_module("tasks.app").celery
    celery.finalize()
    celery.amqp  # noqa: B018 - made when it is first looked at
    import_module("bridge.cli.local.rehearsal").rehearse()
