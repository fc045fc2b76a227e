"""What it costs to guess a password or a token, and that it costs as much where there is none."""

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from bridge.web.access import slow_hashes

COST = ("time_cost", "memory_cost", "parallelism")


@pytest.fixture
def dear(slow_hasher, monkeypatch):
    """The hasher of the service in place of the tests' own."""
    monkeypatch.setattr(slow_hashes, "HASHER", slow_hasher)
    return slow_hasher


def test_a_guess_costs_what_owasp_asks_for(dear):
    found = extract_parameters(slow_hashes.hashed("a few good words"))
    assert found.type is Type.ID
    assert (found.memory_cost, found.time_cost, found.parallelism) == (19 * 1024, 2, 1)


@pytest.mark.parametrize("known", ["somebody", None])
def test_a_wrong_guess_costs_as_much_where_there_is_nobody(dear, monkeypatch, known):
    paid = []
    stored = slow_hashes.hashed("a few good words") if known else None

    class Counted(PasswordHasher):
        def verify(self, hashed, text):
            paid.append(extract_parameters(hashed))
            return super().verify(hashed, text)

    monkeypatch.setattr(slow_hashes, "HASHER", Counted(**{name: getattr(dear, name) for name in COST}))
    assert not slow_hashes.matches(stored, "another few words")
    assert [tuple(getattr(one, name) for name in COST) for one in paid] == [(2, 19 * 1024, 1)]


def test_a_hash_of_other_parameters_is_good_and_stale(dear):
    older = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("a few good words")
    assert slow_hashes.matches(older, "a few good words")
    assert slow_hashes.is_stale(older)
    assert not slow_hashes.is_stale(slow_hashes.hashed("a few good words"))
