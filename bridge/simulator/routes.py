"""Every operation of the catalogue as a Flask route, with the alternates that the facts know."""

from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.routing import BaseConverter

from bridge.integr8.catalogue import OPERATIONS, PARAMETER, Operation, Route
from bridge.simulator.delivery import refused
from bridge.simulator.dispatch import Asked, answer
from bridge.simulator.world import World


class IdConverter(BaseConverter):
    """An id in a path. The collections' own words are none, so a wrong verb on them is 405 and no strange id."""

    regex = r"(?!bulk$|bulk-delete$)[^/]+"


def add_routes(app: Flask, world: World, *, strict: bool) -> None:
    app.url_map.converters["id"] = IdConverter
    for operation in OPERATIONS.values():
        for number, route in enumerate(_places(operation, strict=strict)):
            app.add_url_rule(
                PARAMETER.sub(r"<id:\1>", route.path),
                endpoint=f"{operation.name}/{number}",
                view_func=_view(world, operation, canonical=number == 0),
                methods=[route.verb],
                provide_automatic_options=False,
            )


def _places(operation: Operation, *, strict: bool) -> Iterator[Route]:
    yield operation.route
    if not strict:
        yield from operation.alternates


def _view(world: World, operation: Operation, *, canonical: bool) -> Callable[..., Response]:
    def view(**path: Any) -> Response:
        if not canonical:
            g.entry.remarks.append("reached by an alternate route")
        query = {name: request.args.getlist(name) for name in request.args}
        asked = Asked(request.headers, path, query, request.get_data(), request.host_url)
        return answer(world, operation, asked, g.entry)

    return view


def add_fallbacks(app: Flask, world: World) -> None:
    def unknown(_: Exception) -> Response:
        return refused(world, 404, "no such resource")

    def wrong_verb(error: Any) -> Response:
        found = refused(world, 405, "this verb is not offered here")
        found.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return found

    app.register_error_handler(404, unknown)
    app.register_error_handler(405, wrong_verb)
