"""Ready-made situations with exact numbers, so that a demo and its rule have a known result."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from inspect import signature
from typing import Any

from bridge.simulator import errors
from bridge.simulator.repositories import Entity
from bridge.simulator.traffic_model import DAY, HOUR, Incident
from bridge.simulator.world import World


def collapse(
    world: World,
    *,
    good: int = 10,
    bad: int = 40,
    clicks: int = 60,
    good_clicks: int = 0,
    good_cr: float = 0.10,
    bad_cr: float = 0.0,
    publishers: int = 6,
    advertisers: int = 4,
    within_hours: float = 20.0,
    settled_hours: float = 2.0,
    payout: float = 8.0,
    revenue: float = 10.0,
) -> dict[str, Any]:
    """Build good offers beside offers whose conversion rate has collapsed.

    `clicks` is per offer (`good_clicks` of the good ones, if different); they are spread over `within_hours` that ended
    `settled_hours` ago. With few clicks the rates must differ much: a Wilson test at 95% distinguishes 0 of 60 from a
    threshold of 6%, and 2 of 2,400 from one of 0.4%.
    """
    owners = [world.advertiser(f"Advertiser {number + 1}") for number in range(advertisers)]
    homes = [world.publisher(f"Publisher {number + 1}") for number in range(publishers)]
    terms = {"payout": payout, "payout_type": "CPA", "revenue": revenue, "revenue_type": "RPA"}

    def made(name: str, number: int, visits: int, rate: float) -> Entity:
        return world.offer(
            f"{name} {number + 1}",
            clicks=visits,
            conversions=round(visits * rate),
            within=timedelta(hours=within_hours),
            settled=timedelta(hours=settled_hours),
            publishers=homes,
            advertiser=owners[number % len(owners)],
            default_payout=terms,
        )

    many = good_clicks or clicks
    goods = [made("Steady offer", number, many, good_cr) for number in range(good)]
    bads = [made("Collapsed offer", number, clicks, bad_cr) for number in range(bad)]
    return {
        "good": [offer.key for offer in goods],
        "bad": [offer.key for offer in bads],
        "good_numbers": [offer.number for offer in goods],
        "bad_numbers": [offer.number for offer in bads],
        "publishers": [home.key for home in homes],
        "advertisers": [owner.key for owner in owners],
        "click_rows": len(world.clicks),
        "conversion_rows": len(world.conversions),
    }


def network(
    world: World,
    *,
    offers: int = 30,
    publishers: int = 20,
    advertisers: int = 8,
    days: float = 7.0,
    clicks_per_day: float = 2000.0,
    live: int = 0,
    fraud: int = 1,
    broken: int = 1,
    manual_share: float = 0.1,
    event_share: float = 0.3,
) -> dict[str, Any]:
    """Build a whole network with a past: a burst of fraud yesterday, an hour of broken tracking the day before.

    `live: 1` lets the traffic continue while the clock runs.
    """
    owners = [world.advertiser(f"Advertiser {number + 1}") for number in range(advertisers)]
    homes = [world.publisher(f"Publisher {number + 1}") for number in range(publishers)]
    dice = world.ids.dice()
    made = []
    for number in range(offers):
        payout = round(dice.uniform(2, 30), 2)
        terms = {"payout": payout, "payout_type": "CPA", "revenue": round(payout * 1.3, 2), "revenue_type": "RPA"}
        offer = world.offer(
            f"Offer {number + 1}",
            advertiser=owners[number % len(owners)],
            default_payout=terms,
            manually_approve_conversions=dice.random() < manual_share,
        )
        made.append(offer)
        if dice.random() < event_share:
            goal = {"name": "Second order", "payout": round(payout / 4, 2), "revenue": round(payout / 3, 2)}
            world.directory.create("offer_events", goal, offer=offer.key)
    now = world.now_ms()
    model = world.live.model
    model.habits = model.habits.changed({"clicks_per_day": clicks_per_day})
    if fraud:
        model.incidents.append(Incident("fraud", now - DAY, now - DAY + 2 * HOUR, publisher=homes[0].number))
    if broken:
        model.incidents.append(Incident("broken", now - 2 * DAY, now - 2 * DAY + HOUR, advertiser=owners[0].number))
    if live:
        world.live.go_live(now)
    world.history(days)
    return {
        "offers": [offer.key for offer in made],
        "publishers": [home.key for home in homes],
        "advertisers": [owner.key for owner in owners],
        "click_rows": len(world.clicks),
        "conversion_rows": len(world.conversions),
    }


SCENARIOS: Mapping[str, Callable[..., dict[str, Any]]] = {"collapse": collapse, "network": network}


def play(world: World, name: str, requested: Mapping[str, Any]) -> dict[str, Any]:
    scenario = SCENARIOS.get(name)
    if scenario is None:
        raise errors.bad("scenario", f"unknown; known are {', '.join(SCENARIOS)}")
    known = {
        each.name: each.default for each in signature(scenario).parameters.values() if each.kind is each.KEYWORD_ONLY
    }
    for setting, value in requested.items():
        if setting not in known:
            raise errors.bad(setting, f"unknown; {name} takes {', '.join(known)}")
        if not isinstance(value, (int, float)) or isinstance(value, bool) or value < 0:
            raise errors.bad(setting, "must be a number, zero or more")
    with world.lock:
        return scenario(world, **{setting: type(known[setting])(value) for setting, value in requested.items()})
