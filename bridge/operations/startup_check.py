"""Log at start-up what is wrong and what to do. Changes nothing and delays nothing."""

from collections.abc import Callable
from datetime import datetime

import structlog

from bridge.operations.doctor import Check, examine, reachable
from bridge.services.container import Services

log = structlog.get_logger()


def look_around(
    services: Services, now: datetime, *, health: Callable[[Services, datetime], list[Check]]
) -> list[Check]:
    """Run all checks of this side, and for each account one read, which tests the key, the connection and the clocks.

    Integr8 is not called while the database is unusable, because its answer would not help.
    """
    found = [one for one in examine(services, now, health=health) if one["name"] != "worker"]  # it begins just now
    if not any(one["name"] == "database" and one["status"] == "fail" for one in found):
        for account in services.settings.accounts:
            found += reachable(services, account, now)
    return found


def tell(found: list[Check]) -> None:
    """Log one line for all passed checks, and one for each other."""
    well = {one["name"]: one["detail"] for one in found if one["status"] == "ok"}
    log.info("start-up checks", well=len(well), database=well.get("database"), redis=well.get("redis"))
    for one in found:
        if one["status"] != "ok":
            write = log.error if one["status"] == "fail" else log.warning
            write("start-up check", check=one["name"], found=one["detail"], remedy=one.get("remedy"))
