"""The console at `/`: what happened, why, what waits, and how to undo it. Works without JavaScript."""

from importlib import import_module

from flask import Flask

from bridge.services.container import Services
from bridge.web.console import (
    account_pages,
    actions,
    activity_pages,
    approval_pages,
    error_pages,
    event_pages,
    explain_pages,
    formatting,
    import_pages,
    inbox_pages,
    integr8_pages,
    item_pages,
    login_pages,
    phone_tables,
    rule_actions,
    rule_form_pages,
    rule_list_pages,
    rule_pages,
    search_pages,
    settings_pages,
    user_pages,
)
from bridge.web.console.blueprint import blueprint

__all__ = [
    "account_pages",
    "actions",
    "activity_pages",
    "approval_pages",
    "error_pages",
    "event_pages",
    "explain_pages",
    "import_pages",
    "inbox_pages",
    "integr8_pages",
    "item_pages",
    "login_pages",
    "phone_tables",
    "register",
    "rule_actions",
    "rule_form_pages",
    "rule_list_pages",
    "rule_pages",
    "search_pages",
    "settings_pages",
    "user_pages",
]


def register(app: Flask, services: Services) -> None:
    app.register_blueprint(blueprint)
    if services.login is not None:  # Authlib and requests are loaded only where somebody signs in by them
        import_module("bridge.web.access.oidc").register(app, services)
    formatting.register(app, services)
