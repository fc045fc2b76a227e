"""Settings, faults, API keys and the clock."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from bridge.simulator.control.table import Asking, Place
from bridge.simulator.errors import Refusal, bad
from bridge.simulator.faults import FAULT_KINDS
from bridge.simulator.keys import ApiKey
from bridge.simulator.world import World


def _settings(world: World, _: Asking) -> Any:
    return asdict(world.options)


def _set(world: World, asking: Asking) -> Any:
    if "strict" in asking.body:
        raise bad("strict", "decides about routes and can only be given at the start")
    return asdict(world.configure(asking.body))


def _faults(world: World, _: Asking) -> Any:
    return {"on": [fault.describe() for fault in world.faults.all()], "kinds": FAULT_KINDS}


def _strike(world: World, asking: Asking) -> Any:
    return world.faults.add(asking.body).describe()


def _mend(world: World, _: Asking) -> Any:
    world.faults.clear()
    return {}


def _mend_one(world: World, asking: Asking) -> Any:
    if not world.faults.remove(asking.path["number"]):
        raise Refusal(404, "no such fault")
    return {}


def _keys(world: World, _: Asking) -> Any:
    return {"keys": [asdict(key) for key in world.keys.all()]}


def _add_key(world: World, asking: Asking) -> Any:
    permissions = asking.body.get("permissions", {})
    if not isinstance(permissions, dict):
        raise bad("permissions", "must be an object, section to None, Read or Write")
    key = ApiKey(asking.text("name"), asking.text("key"), permissions, bool(asking.body.get("active", True)))
    world.keys.add(key)
    return asdict(key)


def _drop_key(world: World, asking: Asking) -> Any:
    world.keys.remove(asking.path["key"])
    return {}


def _clock(world: World, asking: Asking) -> Any:
    to = asking.moment("now")
    if to is not None:
        world.clock.set(to)
    if asking.body.get("frozen") is True:
        world.clock.freeze()
    world.clock.advance(timedelta(seconds=asking.number("advance", 0)))
    if asking.body.get("frozen") is False:
        world.clock.thaw()
    world.catch_up()
    return {"now": world.clock.now().isoformat(), "frozen": world.clock.frozen}


PLACES = (
    Place("GET", "/settings", _settings, "all settings"),
    Place("PATCH", "/settings", _set, "change settings: {rate_per_second: 5, retry_after: seconds, ...}"),
    Place("GET", "/faults", _faults, "faults that are on, how often they struck, and all kinds"),
    Place(
        "POST",
        "/faults",
        _strike,
        "switch one on: {kind, operation: 'offers.*', count, skip, probability, seed, ...its parameters}",
    ),
    Place("DELETE", "/faults", _mend, "switch all off"),
    Place("DELETE", "/faults/<int:number>", _mend_one, "switch one off"),
    Place("GET", "/keys", _keys, "API keys with their permissions"),
    Place("POST", "/keys", _add_key, "add or replace: {name, key, permissions: {offers: Read}, active}"),
    Place("DELETE", "/keys/<key>", _drop_key, "remove a key"),
    Place("GET", "/clock", _clock, "the simulated time"),
    Place("POST", "/clock", _clock, "{advance: seconds} and/or {now: ISO time} and/or {frozen: true|false}"),
)
