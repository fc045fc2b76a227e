"""All tables at once: importing this module fills `Base.metadata`, which migrations and tests rely on."""

from bridge.store import handovers, holds, journal, ledger, rulebook, runs, slots, upkeep
from bridge.store.engine import Base

MODULES = (handovers, holds, journal, ledger, rulebook, runs, slots, upkeep)
METADATA = Base.metadata
