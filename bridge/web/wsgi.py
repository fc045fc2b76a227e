"""What gunicorn loads: `bridge.web.wsgi:app`. Made after the fork, because threads and engines do not survive one."""

import sys

from bridge.config import settings
from bridge.config.errors import SettingsError
from bridge.web.app import from_environment

BOOT_ERROR = 3  # gunicorn's own word for "do not try again": the parent ends with it too

try:
    app = from_environment(settings.load())
except SettingsError as error:
    sys.stderr.write(f"integr8-bridge: {error}\n")
    raise SystemExit(BOOT_ERROR) from None
