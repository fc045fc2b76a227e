"""Find the operation of the catalogue for a path and a verb, including the alternative paths.

The table of addresses is built once for all worlds: its 140 rules take longer than a quick test.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.routing import BaseConverter, Map, Rule

from bridge.integr8.catalogue import OPERATIONS, PARAMETER, Operation, Route
from bridge.simulator.broken_answers import refused
from bridge.simulator.dispatch import Asked, answer
from bridge.simulator.world import World

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
CANONICAL = "canonical"
ALTERNATE = "alternate"


class IdConverter(BaseConverter):
    """An id in a path. It excludes the collections' own words, so a wrong verb on them gives 405, not an unknown id."""

    regex = r"(?!bulk$|bulk-delete$)[^/]+"


def add_routes(app: Flask, world: World, *, strict: bool) -> None:
    addresses = _addresses(strict=strict)

    def view(rest: str) -> Response:  # noqa: ARG001 - the table reads the whole path
        endpoint, path = addresses.bind(request.host).match(request.path, method=request.method)
        name, kind = str(endpoint).split("/")
        if kind == ALTERNATE:
            g.entry.remarks.append("reached by an alternate route")
        query = {name: request.args.getlist(name) for name in request.args}
        asked = Asked(request.headers, path, query, request.get_data(), request.host_url)
        return answer(world, OPERATIONS[name], asked, g.entry)

    app.add_url_rule("/api/<path:rest>", "api", view, methods=VERBS, provide_automatic_options=False)


@cache
def _addresses(*, strict: bool) -> Map:
    rules = [
        Rule(PARAMETER.sub(r"<id:\1>", route.path), endpoint=f"{operation.name}/{kind}", methods=[route.verb])
        for operation in OPERATIONS.values()
        for kind, route in _places(operation, strict=strict)
    ]
    return Map(rules, converters={"id": IdConverter}, merge_slashes=False)


def _places(operation: Operation, *, strict: bool) -> Iterator[tuple[str, Route]]:
    yield CANONICAL, operation.route
    for route in () if strict else operation.alternates:
        yield ALTERNATE, route


def add_fallbacks(app: Flask, world: World) -> None:
    def unknown(_: Exception) -> Response:
        return refused(world, 404, "no such resource")

    def wrong_verb(error: Any) -> Response:
        found = refused(world, 405, "this verb is not offered here")
        found.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return found

    app.register_error_handler(404, unknown)
    app.register_error_handler(405, wrong_verb)
