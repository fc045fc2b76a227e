"""The way of an undo, of a batch of events and of an effect goes down: no path of calls climbs up again and again."""

import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from rule_texts import onboarding_rule

import bridge
from bridge.operations import decide
from bridge.operations.perform import perform_effects
from bridge.operations.undo import undo
from bridge.store.runs import Run

ROOT = Path(bridge.__file__).parent.parent
MAX_ENTRIES = 2


class Entries:
    """How often one path of calls enters each package at the most, while it is profiled."""

    def __init__(self):
        self.most = {}
        self._path = []  # of each call under way: its package, and whether it entered that
        self._now = Counter()

    def __call__(self, frame, event, _argument):
        if event == "call":
            package = package_of(frame.f_code.co_filename)
            above = self._path[-1][0] if self._path else None
            entered = package is not None and package != above
            self._path.append((package or above, entered))
            if entered:
                self._now[package] += 1
                self.most[package] = max(self.most.get(package, 0), self._now[package])
        elif event == "return" and self._path:
            package, entered = self._path.pop()
            if entered:
                self._now[package] -= 1

    def of(self, act):
        sys.setprofile(self)
        try:
            act()
        finally:
            sys.setprofile(None)
        return self.most


@cache
def package_of(file):
    """`bridge.operations`, `rules.planning`; None for what is not ours."""
    path = Path(file)
    parts = path.relative_to(ROOT).parts if path.is_relative_to(ROOT) else ("",)
    return ".".join(parts[:2]) if parts[0] in {"bridge", "rules"} else None


@pytest.fixture
def asked(network):
    """One event that waits, for a rule that makes a publisher."""
    network.rule(onboarding_rule(email="{{ body.email }}"))
    network.crm({"id": "1", "go": True, "email": "ann@example.com"})
    return network


def test_a_batch_of_events_an_effect_and_an_undo_enter_each_package_twice_at_most(asked):
    found = {
        "batch": Entries().of(lambda: decide.process_events(asked.services, asked.now)),
        "effects": Entries().of(lambda: perform_effects(asked.services, asked.now)),
    }
    [run] = asked.all(Run)
    found["undo"] = Entries().of(lambda: undo(asked.services, run.id, who="ann", now=asked.now))
    assert {"bridge.decisions", "rules.planning"} <= found["batch"].keys() & found["undo"].keys()
    assert "bridge.integr8" in found["effects"]
    often = {(way, name): count for way, most in found.items() for name, count in most.items() if count > MAX_ENTRIES}
    assert often == {}
