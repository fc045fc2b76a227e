"""The console at `/`: what happened, why, what waits, and how to take it back. Works without JavaScript."""

from flask import Flask

from bridge.web.access import oidc
from bridge.web.console import (
    accountpages,
    actions,
    approvalspage,
    entitypages,
    explainpage,
    faultpages,
    integr8page,
    pages,
    ruleactions,
    rulepages,
    settingspage,
    signingin,
    stacking,
    userpages,
    words,
)
from bridge.web.console.blueprint import blueprint
from bridge.wiring import House

__all__ = [
    "accountpages",
    "actions",
    "approvalspage",
    "entitypages",
    "explainpage",
    "faultpages",
    "integr8page",
    "pages",
    "register",
    "ruleactions",
    "rulepages",
    "settingspage",
    "signingin",
    "stacking",
    "userpages",
]


def register(app: Flask, house: House) -> None:
    app.register_blueprint(blueprint)
    oidc.register(app, house)
    words.register(app, house)
