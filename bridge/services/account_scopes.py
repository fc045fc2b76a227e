"""Whose work the message of a queue asks for, by the settings."""

from bridge.config.settings import Settings
from bridge.store.account_scope import AccountScope


def scope_of(settings: Settings, account: str | None) -> AccountScope:
    """Return the scope of an account with its own queues; None: the scope of all others together."""
    return AccountScope(but=settings.own_queues) if account is None else AccountScope(only=account)


def scopes(settings: Settings) -> dict[str | None, AccountScope]:
    """Return account with its own queues → its scope; None → the scope of all others."""
    return {account: scope_of(settings, account) for account in (None, *sorted(settings.own_queues))}
