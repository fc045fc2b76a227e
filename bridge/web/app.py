"""The web process: one Flask application from one set of settings."""

import os
import threading
import time
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog
from flask import Flask

from bridge.config.errors import SettingsError
from bridge.config.settings import Settings
from bridge.observability import logs, sentry, tracing
from bridge.operations import notify
from bridge.services.container import REFRESH, Services
from bridge.services.queue import WakeUpSender
from bridge.version import VERSION
from bridge.web import access, api, console, health, path_prefix, problems, webhook_endpoint
from bridge.web.asgi import MAX_BODY_BYTES, Application
from bridge.web.group_commit import GroupCommitWriter
from bridge.web.path_prefix import PathPrefix
from bridge.web.renamed_paths import with_old_paths

log = structlog.get_logger()


def create_app(services: Services) -> Flask:
    """Wire the routes. Starts the threads of a web process: writer, wake-ups, and one that reads settings again."""
    app = Flask("bridge.web", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, MAX_FORM_PARTS=100)
    writer = GroupCommitWriter(services.store)
    wake_up_sender = WakeUpSender(services.queue, writer.is_rush)
    writer.start()
    wake_up_sender.start()
    access.register(app, services)
    app.register_blueprint(health.blueprint(services))
    api.register(app, services)
    console.register(app, services)
    problems.register(app)
    path_prefix.register(app)
    path_prefix.check(
        services.settings.public_url, path_prefix.first_parts(one.rule for one in app.url_map.iter_rules())
    )
    app.wsgi_app = with_old_paths(app.wsgi_app)  # type: ignore[assignment, method-assign]
    endpoint = webhook_endpoint.WebhookEndpoint(services.sources, writer, wake_up_sender, services.clock)
    webhooks = _webhooks(endpoint)
    app.extensions["bridge"] = {
        "services": services, "writer": writer, "wake_up_sender": wake_up_sender, "since": services.clock(),
        "server": Application(
            webhooks, app.wsgi_app, endpoint=endpoint,
            prefix=PathPrefix(lambda: services.settings.public_url, services.settings.trusted_proxies),
        ),
    }  # fmt: skip
    app.wsgi_app = _beside(webhooks, app.wsgi_app)  # type: ignore[assignment, method-assign]
    threading.Thread(target=_keep_fresh, args=(services,), name="settings", daemon=True).start()
    return app


def _keep_fresh(services: Services) -> None:
    """Read settings again in the background, so that a source added by another process is known here too."""
    while True:
        time.sleep(REFRESH)
        try:
            services.refresh()
        except Exception:  # whatever is wrong with the files by now, the next look is due all the same
            log.exception("settings not read again")


def _webhooks(endpoint: webhook_endpoint.WebhookEndpoint) -> Flask:
    """Return the webhook endpoint: an application without session, cookie and login, so that an event costs little."""
    app = Flask("bridge.webhooks", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, MAX_FORM_PARTS=100)
    app.register_blueprint(webhook_endpoint.blueprint(endpoint))
    problems.register(app)
    return app


def _beside(webhooks: WSGIApplication, rest: WSGIApplication) -> WSGIApplication:
    """Return an application that routes each request by its path to one of the two."""

    def either(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        app = webhooks if environ["PATH_INFO"].lstrip("/").startswith("hooks/") else rest
        return app(environ, start_response)

    return either


def from_environment(settings: Settings) -> Flask:
    """Return the application of a production process: logs and Sentry first, so that a failing start is visible."""
    if settings.redis_url is None:
        raise SettingsError(["settings: REDIS_URL is missing; export it, or run everything with `integr8-bridge up`"])
    logs.set_up_logs(settings.log, process="web", colours="FORCE_COLOR" in os.environ or None)
    sentry.set_up_sentry(
        settings.sentry, process="web", environment=settings.environment, release=f"integr8-bridge@{VERSION}"
    )
    tracing.set_up("web", VERSION)
    services = Services(settings)
    if settings.operations:
        notify.watchdog(services).start()
    return create_app(services)
