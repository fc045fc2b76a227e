"""The control plane under `/_sim`: read and change the simulated world as JSON.

`GET /_sim/` lists it. Each module holds one part as a table of routes.
"""

from collections.abc import Callable
from typing import Any

import orjson
from flask import Blueprint, Response, request

from bridge.simulator.broken_answers import json_answer
from bridge.simulator.control import exports, model, postbacks, queries, switches, traffic, users
from bridge.simulator.control.table import Asking, Place
from bridge.simulator.errors import Refusal, bad
from bridge.simulator.world import World

PLACES: tuple[Place, ...] = (
    *queries.PLACES,
    *switches.PLACES,
    *users.PLACES,
    *traffic.PLACES,
    *model.PLACES,
    *postbacks.PLACES,
    *exports.PLACES,
)


def control(world: World) -> Blueprint:
    blueprint = Blueprint("control", __name__)
    for number, place in enumerate(PLACES):
        blueprint.add_url_rule(
            place.path, endpoint=f"place{number}", view_func=_view(world, place), methods=[place.verb]
        )
    blueprint.add_url_rule("/", endpoint="index", view_func=_index, methods=["GET"])
    return blueprint


def _index() -> Response:
    return json_answer({f"{place.verb} /_sim{place.path}": place.words for place in PLACES})


def _view(world: World, place: Place) -> Callable[..., Response]:
    def view(**path: Any) -> Response:
        try:
            asking = Asking(_body(), request.args.to_dict(), path)
            if place.unlocked:
                return json_answer(place.answer(world, asking))
            with world.lock:
                world.catch_up()
                return json_answer(place.answer(world, asking))
        except Refusal as refusal:
            return json_answer({"error": refusal.words}, refusal.status)

    return view


def _body() -> dict[str, Any]:
    raw = request.get_data()
    try:
        body = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError:
        raise bad("body", "is not JSON") from None
    if not isinstance(body, dict):
        raise bad("body", "must be a JSON object")
    return body
