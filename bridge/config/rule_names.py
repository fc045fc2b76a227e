"""The names that the rules of a home may use: its sources, channels, tables and accounts, and Integr8's operations."""

from collections.abc import Mapping

from bridge.config.lookup_tables import Table, table_files
from bridge.config.settings import Settings
from bridge.integr8.catalogue import OPERATIONS
from rules.model.environment import Environment


def known_names(settings: Settings, tables: Mapping[str, Table]) -> Environment:
    """Return the names that rules of this home may use."""
    unreadable = dict.fromkeys(path.stem for path in table_files(settings.tables_dir))
    return Environment(
        sources=frozenset(settings.sources),
        channels=frozenset(settings.channels),
        tables=unreadable | {name: table.columns for name, table in tables.items()},
        table_keys={name: table.keys for name, table in tables.items()},
        dimensions=frozenset(settings.dimensions),
        budgets=settings.budgets,
        operations=frozenset(OPERATIONS),
        accounts=frozenset(settings.accounts),
        timezones={name: account.timezone for name, account in settings.accounts.items()},
        currencies={name: account.currency for name, account in settings.accounts.items()},
    )
