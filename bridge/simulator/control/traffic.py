"""Rows by hand: inject clicks, impressions and conversions, change a verdict, stall a feed."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bridge.simulator.clock import milliseconds, moment
from bridge.simulator.control.table import Asking, Place, entity
from bridge.simulator.errors import Refusal, bad
from bridge.simulator.repositories import Entity
from bridge.simulator.rows import Click, Conversion
from bridge.simulator.tables import Table
from bridge.simulator.world import World

MAX_CLICKS_A_REQUEST = 1_000_000


def _pair(world: World, asking: Asking) -> tuple[Entity, Entity]:
    directory = world.directory
    offer = entity(directory.offers, asking.body.get("offer"), "offer")
    if asking.body.get("publisher") is None and next(directory.publishers.living(), None) is None:
        return offer, world.publisher()
    return offer, entity(directory.publishers, asking.body.get("publisher"), "publisher")


def _span(world: World, asking: Asking) -> tuple[int, int]:
    """Return times at `at`, or evenly over the `within` seconds before it; by default now."""
    at = asking.moment("at") or world.clock.now()
    return milliseconds(at - timedelta(seconds=asking.number("within", 0))), milliseconds(at)


def _clicks(world: World, asking: Asking) -> Any:
    """Add this number of clicks, with conversions on some of them."""
    offer, publisher = _pair(world, asking)
    start, end = _span(world, asking)
    count, conversions = int(asking.number("count", 1)), int(asking.number("conversions", 0))
    if not 0 <= conversions <= count <= MAX_CLICKS_A_REQUEST:
        raise bad("conversions", f"must not be more than count, and count not more than {MAX_CLICKS_A_REQUEST}")
    before = len(world.clicks)
    respect = bool(asking.body.get("respect_pause", True))
    if respect and not (offer.active and publisher.active):
        world.tracker.sent_to_fallback += count
        return {"clicks": 0, "sent_to_fallback": count}
    extra = {name: asking.body[name] for name in ("payout", "revenue", "status") if name in asking.body}
    world.traffic(offer, [publisher], count, conversions, start=moment(start), end=moment(end), **extra)
    return {"clicks": len(world.clicks) - before, "conversions": conversions}


def _click(world: World, asking: Asking) -> Any:
    """Add one click with all its particulars."""
    offer, publisher = _pair(world, asking)
    _, at = _span(world, asking)
    row = world.tracker.click(offer, publisher, at=at, **_texts(asking, "sub_id", "external_id", "status", "reason"))
    return _seen(row) if row else {"sent_to_fallback": True}


def _impressions(world: World, asking: Asking) -> Any:
    offer, publisher = _pair(world, asking)
    start, end = _span(world, asking)
    count = int(asking.number("count", 1))
    rows = [
        world.tracker.impression(offer, publisher, at=start + (end - start) * number // max(count, 1))
        for number in range(min(count, MAX_CLICKS_A_REQUEST))
    ]
    return {"impressions": sum(row is not None for row in rows)}


def _conversion(world: World, asking: Asking) -> Any:
    """Add a conversion on a click that is named by `transaction_id`, or on a new one. `at` in the past arrives late."""
    _, at = _span(world, asking)
    click = _clicked(world, asking, at)
    event = asking.body.get("event")
    row = world.tracker.convert(
        click,
        at=at,
        event=entity(world.directory.offer_events, event, "event") if event else None,
        purchase=asking.number("purchase_value", 0),
        payout=_sum(asking, "payout"),
        revenue=_sum(asking, "revenue"),
        **_texts(asking, "status", "reason", "third_party_reason", "adv_sub_id"),
    )
    if row is None:
        raise Refusal(400, "an event needs a conversion before it, and may not repeat")
    return _seen(row)


def _clicked(world: World, asking: Asking, at: int) -> Click:
    wanted = asking.body.get("transaction_id")
    if wanted is None:
        offer, publisher = _pair(world, asking)
        clicked = world.tracker.click(offer, publisher, at=at - 60_000, ignore_pause=True, **_texts(asking, "sub_id"))
    else:
        clicked = world.tracker.click_of(str(wanted))
    if clicked is None:
        raise bad("transaction_id", "no click has this id")
    return clicked


def _sum(asking: Asking, name: str) -> float | None:
    return asking.number(name, 0) if asking.body.get(name) is not None else None


def _texts(asking: Asking, *names: str) -> dict[str, Any]:
    return {name: str(asking.body[name]) for name in names if asking.body.get(name) is not None}


def _verdict(world: World, asking: Asking) -> Any:
    rows = world.tracker.conversions_of(asking.path["key"])
    if not rows:
        raise Refusal(404, "no conversion has this id")
    status, reason = asking.text("status"), str(asking.body.get("reason", ""))
    changed = sum(world.tracker.judge(row, status, reason) for row in rows)
    return {"conversions": len(rows), "changed": changed}


def _seen(row: Click | Conversion) -> Mapping[str, Any]:
    status = {"status": row.status, "rejection_reason": row.reason}
    return {"real_tx_id": row.real_tx_id, "transaction_id": row.transaction_id, **status}


def _feeds(world: World, asking: Asking) -> Any:
    """Stall or resume feeds. A stalled feed shows nothing newer than the moment at which it stopped."""
    tracker = world.tracker
    tables: dict[str, Table[Any]] = {
        "clicks": tracker.clicks,
        "conversions": tracker.conversions,
        "impressions": tracker.impressions,
    }
    name = asking.path["table"]
    if name not in tables:
        raise Refusal(404, f"no such table; known are {', '.join(tables)}")
    stalled = asking.body.get("stalled", True)
    at = asking.moment("at") or world.clock.now()
    tables[name].visible_until = milliseconds(at) if stalled else None
    return {"stalled": bool(stalled)}


PLACES = (
    Place("POST", "/clicks", _clicks, "{offer, publisher, count, conversions, at, within: seconds, respect_pause}"),
    Place("POST", "/click", _click, "one click: {offer, publisher, at, sub_id, external_id, status, reason}"),
    Place("POST", "/impressions", _impressions, "{offer, publisher, count, at, within}"),
    Place(
        "POST",
        "/conversions",
        _conversion,
        "{transaction_id | offer, publisher; at, event, status, reason, payout, revenue, purchase_value}",
    ),
    Place("PATCH", "/conversions/<key>", _verdict, "approve or reject later, in place: {status, reason}"),
    Place("PUT", "/feeds/<table>", _feeds, "{stalled: true, at} hides newer rows; {stalled: false} shows them"),
)
