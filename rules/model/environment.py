"""The names outside a rule that it may use: sources, channels, tables, operations, accounts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.model.revision import Budget


@dataclass(frozen=True, slots=True)
class Environment:
    """The configuration's names. None means "unknown here": then names of that kind are not checked.

    `tables` maps a table to its columns, None for an unreadable file; `timezones` an account to the default zone of its
    rules, and `currencies` to the currency of its money.
    """

    sources: frozenset[str] | None = None
    channels: frozenset[str] | None = None
    tables: Mapping[str, tuple[str, ...] | None] | None = None
    # The columns that tell a table's rows apart.
    table_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dimensions: frozenset[str] | None = None  # what bridge.yaml keeps beside what is always kept
    budgets: Mapping[str, Budget] | None = None
    operations: frozenset[str] | None = None
    accounts: frozenset[str] | None = None
    timezones: Mapping[str, str] = field(default_factory=dict)
    currencies: Mapping[str, str] = field(default_factory=dict)
