"""Load one server process: `bridge.web.process:app`. Made after the fork: threads do not survive one."""

import multiprocessing
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.web.asgi import Application

# Seconds after which a thread that computes (a diff, a preview) lets the event loop have the interpreter. Python's own
# 0.005 is paid at each step of a webhook, several times over.
SWITCH_INTERVAL = 0.0005


def _end_with_parent() -> None:
    """End when the server that started this process has ended: it would continue to answer beside the next one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _load() -> "Application":
    """Return the application of this process. Ends it with a readable message if the settings cannot be read."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    from bridge.config import settings
    from bridge.config.errors import SettingsError
    from bridge.services import garbage_collection, memory

    memory.be_small()
    from bridge.web.app import from_environment
    from bridge.web.exit_codes import BOOT_ERROR

    try:
        made: Application = from_environment(settings.load()).extensions["bridge"]["server"]
    except SettingsError as error:
        sys.stderr.write(f"integr8-bridge: {error}\n")
        raise SystemExit(BOOT_ERROR) from None
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    garbage_collection.rest()
    return made


app = _load()
