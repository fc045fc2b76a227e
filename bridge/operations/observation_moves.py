"""Move observations into ClickHouse or back into the database, and show the progress."""

from collections.abc import Callable

from bridge.operations.errors import OperationError, Unanswered
from bridge.reports import clickhouse_moves
from bridge.reports.clickhouse_moves import Moved
from bridge.services.container import Services
from bridge.store.observations_away import ObservationsAway

CLICKHOUSE, DATABASE = "clickhouse", "database"
PLACES = (CLICKHOUSE, DATABASE)


def move_observations(services: Services, to: str, progress: Callable[[Moved], None]) -> Moved:
    """Move all observations there; an interrupted move continues. Raises OperationError."""
    rows = services.observation_rows
    if rows is None:
        raise OperationError("OBSERVATIONS_URL is not set; both directions need the address of ClickHouse")
    try:
        rows.make()
        target = rows if to == CLICKHOUSE else None
        return clickhouse_moves.move(services.store, services.clock(), to=target, progress=progress)
    except ObservationsAway as error:
        raise Unanswered(f"{error}; rows that were moved stay moved, and the same command continues") from error
