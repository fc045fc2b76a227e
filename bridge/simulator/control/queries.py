"""Query what happened: the request log, the busiest second, applied writes, the state of everything."""

from collections.abc import Callable
from functools import partial
from typing import Any

from bridge.simulator.control.table import Asking, Place
from bridge.simulator.errors import bad
from bridge.simulator.repositories import Entity, EntityRepository
from bridge.simulator.world import World


def _health(world: World, _: Asking) -> Any:
    return {
        "ok": True,
        "seed": world.seed,
        "now": world.clock.now().isoformat(),
        "integrations": world.directory.integrations,
        "secure_token": world.secure_token,
    }


def _requests(world: World, asking: Asking) -> Any:
    query = asking.query
    found = world.log.find(
        operation=query.get("operation"),
        method=query.get("method"),
        status=_whole(query, "status"),
        path=query.get("path"),
        after=_whole(query, "after") or 0,
    )
    limit = _whole(query, "limit")
    return {"total": len(found), "requests": found[-limit:] if limit else found}


def _whole(query: Any, name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise bad(name, "must be a whole number")
    return int(text)


def _forget(world: World, _: Asking) -> Any:
    world.log.clear()
    return {}


def _writes(world: World, asking: Asking) -> Any:
    summary = world.directory.writes.summary()
    return summary | {"journal": world.directory.writes.rows()} if asking.query.get("journal") else summary


def _forget_writes(world: World, _: Asking) -> Any:
    world.directory.writes.clear()
    return {}


def _state(world: World, asking: Asking) -> Any:
    """Return the whole state, or one part: callers that wait for a change ask often, and all entities are megabytes."""
    parts = _parts(world)
    only = asking.query.get("only")
    if only is None:
        return {name: part() for name, part in parts.items()}
    if only not in parts:
        raise bad("only", f"must be one of {', '.join(parts)}")
    return {only: parts[only]()}


def _parts(world: World) -> dict[str, Callable[[], Any]]:
    repositories = {name: partial(_shown, repository) for name, repository in world.directory.repositories.items()}
    tracker = world.tracker
    return repositories | {
        "paused": lambda: world.paused,
        "rows": lambda: {
            "clicks": len(tracker.clicks),
            "impressions": len(tracker.impressions),
            "conversions": len(tracker.conversions),
        },
        "sent_to_fallback": lambda: tracker.sent_to_fallback,
        "rejections": lambda: world.rejections,
        "exports": lambda: [job.view() for job in world.jobs.newest()],
    }


def _shown(repository: EntityRepository) -> list[dict[str, Any]]:
    return [_seen(entity) for entity in repository.all()]


def _seen(entity: Entity) -> dict[str, Any]:
    return entity.view() | {"archived": entity.archived}


PLACES = (
    Place("GET", "/health", _health, "alive; seed, time, integrations, the token for conversion postbacks"),
    Place("GET", "/requests", _requests, "the log; ?operation= method= status= path= after=NUMBER limit="),
    Place("DELETE", "/requests", _forget, "forget the log"),
    Place(
        "GET",
        "/requests/summary",
        lambda world, _: world.log.summary(),
        "totals, by operation and status, the most requests in any one-second window",
    ),
    Place("GET", "/writes", _writes, "writes that were applied: per entity, repeated ones; ?journal=1 for each"),
    Place("DELETE", "/writes", _forget_writes, "forget the journal of writes"),
    Place("GET", "/state", _state, "every entity, archived ones too, and how many rows the tables hold; ?only=PART"),
)
