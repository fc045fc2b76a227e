"""What gunicorn loads: `bridge.web.wsgi:app`. Made after the fork, because threads and engines do not survive one."""

from bridge.config import settings
from bridge.web.app import from_environment

app = from_environment(settings.load())
