import asyncio
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.integr8 import AsyncClient, Client, LocalBudget
from bridge.integr8.call import Manner


def _load(name: str) -> Any:
    """The modules beside the tests, under names of their own: pytest's import mode adds nothing to the path."""
    full = f"integr8_tests_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
    return sys.modules[full]


KEY = "k3y-that-nobody-may-see"


class Clock:
    """Time that passes only when someone sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def double() -> Any:
    """The module: `double.says`, `double.sample`, `double.Answer`."""
    return _load("double")


@pytest.fixture
def awaited() -> Any:
    return _load("awaited")


@pytest.fixture
def integr8(double) -> Iterator[Any]:
    server = double.Integr8()
    yield server
    server.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def manner(clock) -> Manner:
    return Manner(clock=clock, jitter=lambda: 1.0)


@pytest.fixture
def make_client(integr8, clock, manner) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(**options: Any) -> Client:
        settings = {"integration": "dhkwd4izck", "budget": LocalBudget(1000, clock=clock), "manner": manner}
        made.append(Client(integr8.url, KEY, **(settings | {"sleep": clock.sleep, "timeout": 2.0} | options)))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client) -> Client:
    return make_client()


@pytest.fixture
def awaiting(integr8, clock, manner) -> Callable[[Callable[[AsyncClient], Any]], Any]:
    """Runs a coroutine function on an AsyncClient."""

    def run(talk: Callable[[AsyncClient], Any]) -> Any:
        async def main() -> Any:
            budget = LocalBudget(1000, clock=clock)
            async with AsyncClient(
                integr8.url, KEY, integration="dhkwd4izck", budget=budget, manner=manner, sleep=clock.sleep_async
            ) as client:
                return await talk(client)

        return asyncio.run(main())

    return run
