"""`python -m bridge.cli.local.prepare ADDRESS`: migrate, load the rules, print the first sign-in link if needed."""

import logging
import sys

from bridge.config import rulebook, settings
from bridge.config.errors import SettingsError
from bridge.observability import logs
from bridge.operations.check import refuse_unusable
from bridge.services.container import Services
from bridge.store import migrate
from bridge.web.access import sessions


def prepare(services: Services, address: str) -> str | None:
    """Prepare the database, and return the first administrator's link; None if somebody can sign in already."""
    migrate.upgrade(services.store.engine)
    rulebook.publish(services.store, services.settings, now=services.clock())
    return sessions.first_link(services, address, services.clock())


def main(address: str) -> int:
    logs.set_up_logs(process="cli", level=logging.WARNING)  # standard output belongs to the link
    try:
        services = Services(settings.load())
        refuse_unusable(services.settings)
        try:
            sys.stdout.write(prepare(services, address) or "")
        finally:
            services.close()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
