"""The REST API under /api/v1: all that the command line does, described by /api/v1/openapi.json."""

from flask import Flask
from flask_smorest import Api

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
    api = Api(app, spec_kwargs={"extra_plugins": [InCommon()]})
    app.extensions["bridge-api"] = api
    for part in PARTS:
        api.register_blueprint(part.blueprint, url_prefix="/api/v1")
