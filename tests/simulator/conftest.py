"""A world whose clock stands still, and plain HTTP to it: these tests know nothing of our own client."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from simulator_transport import simulator_transport

from bridge.simulator import Clock, World


@pytest.fixture
def clock(now: datetime) -> Clock:
    return Clock(at=now)


@pytest.fixture
def world(clock: Clock) -> Iterator[World]:
    made = World(seed=7, clock=clock)
    yield made
    made.close()


@pytest.fixture
def api(world: World) -> Iterator[httpx.Client]:
    with talk(world) as client:
        yield client


@pytest.fixture
def strict_api(world: World) -> Iterator[httpx.Client]:
    with talk(world, strict=True) as client:
        yield client


def talk(world: World, **options: Any) -> httpx.Client:
    transport = simulator_transport(world, **options)
    return httpx.Client(
        transport=transport, base_url="http://integr8.test", headers={"API-KEY": world.api_key}, timeout=5
    )


@pytest.fixture
def offers(world: World) -> str:
    """The address of the offers."""
    return f"/api/v2/integrations/{world.integration}/offers"


@pytest.fixture
def report(api: httpx.Client, world: World) -> Callable[..., dict[str, Any]]:
    """One page of a report table, over everything unless a time range is given."""

    def read(table: str = "conversion", **query: Any) -> dict[str, Any]:
        asked = {
            "integration_id": world.integration,
            "start_time": "2026-01-01 00:00:00",
            "end_time": "2026-12-31 23:59:59",
            "page[size]": "100",
            **query,
        }
        answer = api.get(f"/api/v2/reports/v2/{table}-table", params=asked)
        answer.raise_for_status()
        return dict(answer.json()["data"])

    return read
