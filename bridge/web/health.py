"""/healthz, /readyz and /metrics: the state of this process, the state of the service, and its figures."""

from collections.abc import Sequence
from typing import Any

import orjson
from flask import Blueprint, Response, current_app, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from bridge.observability import metrics_server
from bridge.operations.health_checks import Check, WriteProbe, checks
from bridge.services.container import Services
from bridge.web.access import sessions, tokens
from bridge.web.gauges import Gauges
from bridge.web.problems import problem

FOR_EVERYBODY = ("database", "redis", "worker")  # which parts stand or fall may be known; never why, or by whom


def blueprint(services: Services) -> Blueprint:
    pages = Blueprint("health", __name__)
    numbers_of = metrics_server.registry([Gauges(services, services.clock)])
    probe = WriteProbe()

    @pages.get("/healthz")
    def alive() -> Response:
        """Report that the process answers. It checks nothing else, so a dead database does not restart the web."""
        return _json({"status": "ok"})

    @pages.get("/readyz")
    def ready() -> Response:
        """Report 503 while something is missing that webhooks or effects need.

        Details and remedies are for token holders.
        """
        found = checks(services, services.clock(), writable=probe)
        broken = any(one["status"] == "fail" for one in found)
        shown = found if _may_read_details(services) else _for_strangers(found)
        return _json({"status": "fail" if broken else "ok", "checks": shown}, 503 if broken else 200)

    @pages.get("/metrics")
    def numbers() -> Response:
        if not metrics_server.may_read(request.headers.get("Authorization", ""), services.settings.metrics_token):
            refused = problem(
                401, "Authentication required", "send Authorization: Bearer with the token of bridge.yaml, metrics"
            )
            refused.headers["WWW-Authenticate"] = "Bearer"
            return refused
        return Response(generate_latest(numbers_of), content_type=CONTENT_TYPE_LATEST)

    return pages


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status=status, content_type="application/json")


def _for_strangers(found: Sequence[Check]) -> list[Check]:
    return [{"name": one["name"], "status": one["status"]} for one in found if one["name"] in FOR_EVERYBODY]


def _may_read_details(services: Services) -> bool:
    """Return whether the request has the token of the metrics, any API token, or a console session."""
    header = request.headers.get("Authorization", "")
    metrics_token = services.settings.metrics_token
    if metrics_token is not None and metrics_server.may_read(header, metrics_token):
        return True
    kind, _, text = header.partition(" ")
    try:
        if kind.lower() == "bearer":
            return bool(tokens.check(services.store, text.strip(), services.clock()))
        return current_app.secret_key is not None and sessions.who(services) is not None
    except (tokens.InvalidToken, SQLAlchemyError):
        return False
