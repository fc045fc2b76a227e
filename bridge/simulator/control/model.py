"""The traffic model and ready-made situations: habits, profiles, incidents, caps, scenarios."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from bridge.simulator.clock import milliseconds
from bridge.simulator.control.table import Asking, Place, entity
from bridge.simulator.errors import bad
from bridge.simulator.scenarios import play
from bridge.simulator.traffic_model import Incident, Profile
from bridge.simulator.world import World


def _model(world: World, _: Asking) -> Any:
    live = world.live
    return {
        "live": live.live,
        "coming": live.coming,
        "habits": asdict(live.model.habits),
        "offers": {str(number): asdict(profile) for number, profile in live.model.offers.items()},
        "publishers": {str(number): asdict(profile) for number, profile in live.model.publishers.items()},
        "incidents": [asdict(incident) for incident in live.model.incidents],
    }


def _change_model(world: World, asking: Asking) -> Any:
    """Change habits, profiles of single offers and publishers, live traffic, and generate a past."""
    body = dict(asking.body)
    live, days = body.pop("live", None), asking.number("history_days", 0)
    body.pop("history_days", None)
    if not isinstance(live, bool | None):
        raise bad("live", "must be true or false")
    model = world.live.model
    for name, repository, table, first in (
        ("offers", world.directory.offers, model.offers, model.offer),
        ("publishers", world.directory.publishers, model.publishers, model.publisher),
    ):
        body.pop(name, None)
        for wanted, changes in asking.table(name).items():
            number = entity(repository, wanted, name).number
            table[number] = _profile(first(number), changes)
    model.habits = model.habits.changed(body)
    if days:
        world.history(days)
    if live is not None:
        world.live.go_live(world.now_ms()) if live else world.live.stop()
    return _model(world, asking)


def _profile(present: Profile, changes: Mapping[str, Any]) -> Profile:
    for name, value in changes.items():
        if name not in present.__slots__ or isinstance(value, bool) or not isinstance(value, (int, float)):
            raise bad(name, f"must be a number; known are {', '.join(present.__slots__)}")
    return replace(present, **changes)


def _incident(world: World, asking: Asking) -> Any:
    """Add an incident.

    `fraud` needs a publisher, `broken` an advertiser (none: all); by default from now for an hour.
    """
    kind = asking.choice("kind", ("fraud", "broken"))
    start = asking.moment("start") or world.clock.now()
    end = asking.moment("end") or start + timedelta(hours=1)
    publisher, advertiser = asking.body.get("publisher"), asking.body.get("advertiser")
    if kind == "fraud" and publisher is None:
        raise bad("publisher", "is required for fraud")
    directory = world.directory
    incident = Incident(
        kind,
        milliseconds(start),
        milliseconds(end),
        publisher=entity(directory.publishers, publisher, "publisher").number if publisher else None,
        advertiser=entity(directory.advertisers, advertiser, "advertiser").number if advertiser else None,
        factor=asking.number("factor", 20.0),
    )
    world.live.model.incidents.append(incident)
    return asdict(incident)


def _cap(world: World, asking: Asking) -> Any:
    """Set a soft cap: once it is reached, clicks go to the fallback and late conversions are Pending."""
    offer = entity(world.directory.offers, asking.path["key"], "offer")
    if asking.body.get("conversions_per_day") is None:
        world.tracker.caps.pop(offer.number, None)
    else:
        world.tracker.caps[offer.number] = int(asking.number("conversions_per_day", 0))
    return {"cap": world.tracker.caps.get(offer.number)}


def _scenario(world: World, asking: Asking) -> Any:
    return play(world, asking.path["name"], asking.body)


PLACES = (
    Place(
        "POST",
        "/scenarios/<name>",
        _scenario,
        "collapse {good, bad, clicks, bad_cr, ...} or network {offers, days, ...}",
    ),
    Place("GET", "/traffic", _model, "the traffic model: habits, profiles, incidents, whether it is live"),
    Place(
        "PATCH",
        "/traffic",
        _change_model,
        "{clicks_per_day, late_rejections, ..., live, history_days, offers: {ID: {cr, weight}}, publishers: {...}}",
    ),
    Place(
        "POST", "/incidents", _incident, "{kind: fraud, publisher, factor} or {kind: broken, advertiser}; start, end"
    ),
    Place("PUT", "/caps/<key>", _cap, "an offer's soft cap: {conversions_per_day: 10}, null takes it away"),
)
