import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.integr8 import Client, LocalBudget
from bridge.integr8.call import CallOptions


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


@pytest.fixture
def double() -> Any:
    """The module: `double.says`, `double.sample`, `double.Answer`."""
    return _load("double")


@pytest.fixture
def integr8(double) -> Iterator[Any]:
    server = double.Integr8()
    yield server
    server.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def call_options(clock) -> CallOptions:
    return CallOptions(clock=clock, jitter=lambda: 1.0)


@pytest.fixture
def make_client(integr8, clock, call_options) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(**options: Any) -> Client:
        settings = {"integration": "dhkwd4izck", "budget": LocalBudget(1000, clock=clock), "call_options": call_options}
        url = options.pop("url", integr8.url)
        made.append(Client(url, KEY, **(settings | {"sleep": clock.sleep, "timeout": 2.0} | options)))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client) -> Client:
    return make_client()
