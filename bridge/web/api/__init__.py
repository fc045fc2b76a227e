"""The REST API under /api/v1: all that the command line does, described by /api/v1/openapi.json."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from apispec import APISpec
from flask import Flask
from flask_smorest import Api, Blueprint

from bridge.services.container import Services
from bridge.version import VERSION
from bridge.web.api import (
    channels,
    decisions,
    effects,
    event_stream,
    journal,
    json_schemas,
    reports,
    rules,
    service,
    sources,
    tokens,
    users,
)
from bridge.web.api.openapi import InCommon

PARTS = (
    service, sources, journal, decisions, effects, rules, reports, channels, json_schemas, tokens, users, event_stream,
)  # fmt: skip
DESCRIPTION = """\
Everything that the command line shows and does. Send `Authorization: Bearer <token>`; `integr8-bridge tokens create`
makes one, with the role viewer, operator or admin. Errors are problem documents (RFC 9457). Every listing is read page
by page: `limit` rows at once, and `next` of the answer is the `after` of the next request. A write with an
`Idempotency-Key` is done once, however often it is sent. `/activity/stream` tells runs as they happen."""


def register(app: Flask, _services: Services) -> None:
    app.config.update(
        API_TITLE="Integr8 Bridge",
        API_VERSION=VERSION,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/api/v1",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "info": {"description": DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}},
            "security": [{"bearer": []}],
            "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        },
    )
    api = DescribedOnDemand(app, spec_kwargs={"extra_plugins": [InCommon()]})
    app.extensions["bridge-api"] = api
    for part in PARTS:
        api.register_blueprint(part.blueprint, url_prefix="/api/v1")


class DescribedOnDemand(Api):  # type: ignore[misc]  # the package has no types
    """An API that builds its description when somebody reads it, because that takes longer than all routes together."""

    def __init__(self, app: Flask, **more: Any) -> None:
        self._lock = threading.RLock()
        self._undescribed: list[Callable[[], None]] = []
        self._spec: APISpec | None = None
        super().__init__(app, **more)

    @property
    def spec(self) -> APISpec | None:
        """The whole description; None before there is an application."""
        with self._lock:
            waiting, self._undescribed = self._undescribed, []  # who describes asks for what is described already
            for describe in waiting:
                describe()
            return self._spec

    @spec.setter
    def spec(self, made: APISpec | None) -> None:
        self._spec = made

    def _init_spec(self, **options: Any) -> None:
        """Begin the description: what it says in general, and the answers and headers that all routes have."""
        self._undescribed.append(partial(super()._init_spec, **options))

    def register_blueprint(self, blp: Blueprint, *, parameters: list[Any] | None = None, **options: Any) -> None:
        """Register the routes of a blueprint; see `flask_smorest.Api.register_blueprint`."""
        app, name = self._app, options.get("name", blp.name)
        app.extensions["flask-smorest"]["blp_name_to_api"][name] = self
        app.register_blueprint(blp, **options)

        def describe() -> None:
            spec = self._spec
            assert spec is not None, "it begins before the first blueprint is described"
            blp.register_views_in_doc(self, app, spec, name=name, parameters=parameters)
            spec.tag({"name": name, "description": blp.description})

        self._undescribed.append(describe)
