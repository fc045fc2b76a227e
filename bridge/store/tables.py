"""All tables at once: importing this module fills `Base.metadata`, which migrations and tests rely on."""

from bridge.store import (
    backtests,
    deciding,
    entities,
    feeds,
    handovers,
    holds,
    journal,
    ledger,
    newest,
    notices,
    observations,
    people,
    rulebook,
    runs,
    signins,
    slots,
    troubles,
    upkeep,
    users,
)
from bridge.store.engine import Base

MODULES = (
    backtests,
    deciding,
    entities,
    feeds,
    handovers,
    holds,
    journal,
    ledger,
    newest,
    notices,
    observations,
    people,
    rulebook,
    runs,
    signins,
    slots,
    troubles,
    upkeep,
    users,
)
METADATA = Base.metadata
