"""Import all tables: this fills `Base.metadata`, which migrations and tests rely on."""

from bridge.store import (  # noqa: F401 - each defines its tables
    api_usage,
    audit_log,
    backtest_jobs,
    backtest_results,
    decision_lock,
    deferred_events,
    entities,
    exports,
    failing_items,
    feeds,
    halts,
    heartbeats,
    holds,
    journal,
    ledger,
    notifications,
    observations,
    one_time_secrets,
    order_marks,
    questions,
    report_imports,
    revisions,
    runs,
    service_alerts,
    sessions,
    slots,
    tokens,
    users,
)
from bridge.store.engine import Base

METADATA = Base.metadata
