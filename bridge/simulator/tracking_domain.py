"""The tracking domain at `/`: tracking links, conversion postbacks of advertisers, late rejections.

GET /?offer=1001&publisher=201&sub_id=x                     a click, answered with a redirect
GET /?secure=TOKEN&transaction_id=ID[&event_id=|&event_name=]   a conversion or an event
GET /?new_rejected_reason=fraud&transaction_id=ID           facts, section 6.2: rejects, never undone
"""

from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, redirect, request
from werkzeug.wrappers import Response as Redirect

from bridge.simulator.broken_answers import json_answer, refused
from bridge.simulator.errors import Refusal, bad
from bridge.simulator.repositories import Entity
from bridge.simulator.rows import Conversion
from bridge.simulator.world import World

FALLBACK = "https://fallback.invalid/"


def add_tracker(app: Flask, world: World) -> None:
    @app.get("/")
    def track() -> Response | Redirect:
        given = request.args.to_dict()
        try:
            with world.lock:
                world.catch_up()
                if "new_rejected_reason" in given:
                    return _reject(world, given)
                return _convert(world, given) if "transaction_id" in given else _click(world, given)
        except Refusal as refusal:
            return refused(world, refusal.status, refusal.words)


def _reject(world: World, given: Mapping[str, str]) -> Response:
    """Reject a conversion. An unknown transaction changes nothing, and the answer does not say so."""
    wanted = given.get("transaction_id") or given.get("external_transaction_id", "")
    world.rejections.append({"transaction_id": wanted, "reason": given["new_rejected_reason"]})
    world.tracker.reject(wanted, given["new_rejected_reason"])
    return json_answer({"status": "rejected", "reason": given["new_rejected_reason"]})


def _convert(world: World, given: Mapping[str, str]) -> Response:
    if given.get("secure") != world.secure_token:
        raise Refusal(403, "secure: is not the token of this account")
    click = world.tracker.click_of(given["transaction_id"])
    if click is None:
        raise bad("transaction_id", "no click has this id")
    row = world.tracker.convert(
        click,
        event=_event(world, click.offer, given),
        purchase=_amount(given, "purchase_value") or 0.0,
        payout=_amount(given, "payout"),
        revenue=_amount(given, "revenue"),
        third_party_reason=given.get("third_party_rejected_reason", ""),
        adv_sub_id=given.get("adv_sub_id", ""),
    )
    if row is None:
        raise bad("event_id", "an event needs a conversion before it, and may not repeat")
    return json_answer(_said(row))


def _click(world: World, given: Mapping[str, str]) -> Response | Redirect:
    offer = world.directory.offers.get(given.get("offer", ""))
    publisher = world.directory.publishers.get(given.get("publisher", ""))
    if offer is None or publisher is None:
        raise bad("offer" if offer is None else "publisher", "is not known")
    row = world.tracker.click(
        offer,
        publisher,
        sub_id=given.get("sub_id", ""),
        external_id=given.get("external_transaction_id", ""),
    )
    if row is None:
        return redirect(offer.fields.get("fallback_url") or FALLBACK)
    return redirect(_landing(world, offer, given.get("lp", "")) + f"?transaction_id={row.transaction_id}")


def _landing(world: World, offer: Entity, wanted: str) -> str:
    pages = [page for page in world.directory.landing_pages.living(offer=offer.key) if page.active]
    chosen = [page for page in pages if wanted in {page.key, str(page.number)}] or pages
    return str(chosen[0].fields["redirect_url"]) if chosen else "https://landing.invalid/"


def _event(world: World, offer_number: int, given: Mapping[str, str]) -> Entity | None:
    wanted, name = given.get("event_id"), given.get("event_name")
    if not wanted and not name:
        return None
    offer = world.directory.offers.numbered(offer_number)
    assert offer is not None, "a click names an offer that was once made"
    for event in world.directory.offer_events.living(offer=offer.key):
        if wanted in {event.key, str(event.number)} or (name and event.fields["name"] == name):
            return event
    raise bad("event_id", "is not an event of this offer")


def _amount(given: Mapping[str, str], name: str) -> float | None:
    if name not in given:
        return None
    try:
        return float(given[name])
    except ValueError:
        raise bad(name, "must be a number") from None


def _said(row: Conversion) -> dict[str, Any]:
    """Return the text as a sibling product answers: lowercase, with a reason only if there is one."""
    reason = {"reason": row.reason} if row.reason else {}
    return {"transaction_id": row.transaction_id, "status": row.status.lower(), **reason}
