"""Postbacks: configure (only the UI can in the real one), fire what is due, read their log."""

from dataclasses import asdict
from typing import Any

from bridge.simulator.control.table import Asking, Place
from bridge.simulator.errors import Refusal
from bridge.simulator.world import World


def _all(world: World, _: Asking) -> Any:
    return {"postbacks": world.postbacks.all(), "waiting": world.postbacks.waiting}


def _add(world: World, asking: Asking) -> Any:
    return asdict(world.postbacks.add(asking.body, minimum_delay=world.options.minimum_delay))


def _remove(world: World, asking: Asking) -> Any:
    if not world.postbacks.remove(asking.path["number"]):
        raise Refusal(404, "no such postback")
    return {}


def _fire(world: World, asking: Asking) -> Any:
    return {"fired": world.fire_postbacks(everything=bool(asking.body.get("everything", False)))}


def _log(world: World, _: Asking) -> Any:
    return {"lines": world.postback_log.all()}


def _forget(world: World, _: Asking) -> Any:
    world.postback_log.clear()
    return {}


PLACES = (
    Place("GET", "/postbacks", _all, "configured postbacks, and how many wait for their delay"),
    Place(
        "POST",
        "/postbacks",
        _add,
        "add: {url, type, method, headers, body, firing_status, reasons, delay, offer, publisher, refire}",
    ),
    Place("DELETE", "/postbacks/<int:number>", _remove, "remove one"),
    Place("POST", "/postbacks/fire", _fire, "send what is due now; {everything: true} ignores delays", unlocked=True),
    Place("GET", "/postbacks/log", _log, "what became of each"),
    Place("DELETE", "/postbacks/log", _forget, "forget the log"),
)
