"""The simulator as a WSGI application: API, files, tracker and control plane over one world."""

from datetime import UTC
from email.utils import format_datetime
from typing import Any

from flask import Flask, Response, g, request

from bridge.simulator.broken_answers import Cut
from bridge.simulator.control import control
from bridge.simulator.exports import add_files
from bridge.simulator.options import Options
from bridge.simulator.request_log import DROPPED
from bridge.simulator.routes import add_fallbacks, add_routes
from bridge.simulator.tracking_domain import add_tracker
from bridge.simulator.world import World

API = "/api/"


def create_app(world: World | None = None, **options: Any) -> Flask:
    """Return a Flask application over `world`, or over a new one; options are those of `Options`.

    `httpx.Client(transport=httpx.WSGITransport(app=create_app(world)), base_url="http://simulator")` talks to it
    in-process.
    """
    world = world or World(options=Options())
    world.configure(options)
    app = Flask("bridge.simulator", static_folder=None)
    app.extensions["world"] = world
    _keep_log(app, world)
    add_routes(app, world, strict=world.options.strict)
    add_files(app, world)
    add_tracker(app, world)
    app.register_blueprint(control(world), url_prefix="/_sim")
    add_fallbacks(app, world)
    return app


def _keep_log(app: Flask, world: World) -> None:
    @app.before_request
    def begin() -> None:
        if request.path.startswith(API):
            query = {name: request.args.getlist(name) for name in request.args}
            g.entry = world.log.begin(world.clock.now(), request.method, request.path, query)

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["Date"] = format_datetime(world.clock.now().astimezone(UTC), usegmt=True)
        if "entry" in g:
            response.headers["X-Request-Id"] = g.entry.request_id
            status = DROPPED if isinstance(response, Cut) and response.silent else response.status_code
            world.log.end(g.entry, status)
        return response
