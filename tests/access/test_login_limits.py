"""Guessing is slow, whichever process one asks, and however often it is started again."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters
from console_users import Browser, new_app

from bridge.services.container import Services
from bridge.store import sessions
from bridge.store.engine import Store, make_engine
from bridge.store.sessions import LoginAttempts
from bridge.web.access import slow_hashes
from bridge.web.access.sessions import first_link

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SPAN = timedelta(minutes=1)


@pytest.fixture
def processes(on_either_database):
    """Two web processes over one database, each with connections of its own."""
    first = on_either_database.services
    store = Store(make_engine(first.settings.database_url))
    second = Services(first.settings, clock=first.clock, store=store)
    yield [new_app(first), new_app(second)]
    second.close()


def test_two_processes_count_together(processes):
    answers = [Browser(processes[number % 2]).sign_in("Anna", "guess").status_code for number in range(12)]
    assert answers == [200] * 10 + [429] * 2


def test_a_restart_does_not_begin_the_count_anew(processes):
    for _ in range(10):
        Browser(processes[0]).sign_in("Anna", "guess")
    assert Browser(processes[1]).sign_in("Anna", "guess").status_code == 429


def test_many_addresses_that_guess_one_name_get_few_tries_each(app, user):
    user("Anna")
    for number in range(50):
        Browser(app, f"203.0.113.{number}").sign_in("Anna", "guess")
    answers = [Browser(app, "198.51.100.1").sign_in("Anna", "guess").status_code for _ in range(3)]
    assert answers == [200, 429, 429]


@pytest.mark.parametrize("stranger", ["203.0.113.1", "203.0.113.2"])
def test_a_strangers_guesses_do_not_lock_a_person_out(app, user, stranger):
    user("Anna")
    for _ in range(40):
        Browser(app, stranger).sign_in("Anna", "guess")
    assert Browser(app, "198.51.100.7").sign_in("Anna").status_code == 303


def test_a_browser_that_is_known_is_not_slowed_down_by_its_neighbours(app, user):
    user("Anna")
    anna = Browser(app)
    assert anna.sign_in("Anna").status_code == 303
    for _ in range(80):
        Browser(app).sign_in("Anna", "guess")
    anna.http.delete_cookie("bridge")
    assert anna.sign_in("Anna").status_code == 303


def test_a_known_browser_does_not_guess_faster(app, user):
    user("Anna")
    thief = Browser(app)
    thief.sign_in("Anna")
    thief.http.delete_cookie("bridge")
    assert [thief.sign_in("Anna", "guess").status_code for _ in range(12)] == [200] * 10 + [429] * 2


def test_a_known_browser_is_known_for_its_own_name_only(app, user):
    user("Anna")
    user("Boss")
    thief = Browser(app)
    thief.sign_in("Anna")
    thief.http.delete_cookie("bridge")
    answers = [thief.sign_in("Boss", "guess").status_code for _ in range(12)]
    assert answers == [200] * 10 + [429] * 2


def test_after_too_many_guesses_a_person_waits_seconds(app, user, network):
    user("Anna")
    for _ in range(40):
        Browser(app).sign_in("Anna", "guess")
    wait = int(Browser(app).sign_in("Anna").headers["Retry-After"])
    assert wait <= 30
    network.now += timedelta(seconds=wait)
    assert Browser(app).sign_in("Anna").status_code == 303


def test_the_one_time_link_lets_in_whatever_others_tried(app, network):
    code = first_link(network.services, "http://bridge", network.now).partition("code=")[2]
    for number in range(80):
        Browser(app).sign_in(f"u{number}", "guess")
        app.test_client().post("/login", data={"token": "ib_0_x"})
    assert app.test_client().post("/login", data={"code": code}).status_code == 303


def test_the_answer_says_how_long_to_wait(app):
    visitor = Browser(app)
    for _ in range(10):
        visitor.sign_in("Anna", "guess")
    answer = visitor.sign_in("Anna", "guess")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert f"wait {answer.headers['Retry-After']} seconds" in answer.get_data(as_text=True)


def test_the_neighbours_in_one_ipv6_network_count_as_one(app):
    answers = [Browser(app, f"2001:db8::{number}").sign_in("Anna", "guess").status_code for number in range(12)]
    assert answers[-1] == 429
    assert Browser(app, "2001:db8:0:1::1").sign_in("Anna", "guess").status_code == 200


def test_who_knows_the_password_may_mistype_it_again(app, user):
    user("Anna")
    for round_ in range(3):
        visitor = Browser(app, f"203.0.113.{round_}")
        for _ in range(6):
            visitor.sign_in("Anna", "mistyped")
        assert visitor.sign_in("Anna").status_code == 303


def test_tokens_are_not_guessed_faster(app):
    visitor = app.test_client()
    answers = [visitor.post("/login", data={"token": f"ib_0_{number}"}).status_code for number in range(12)]
    assert answers[-1] == 429


def test_a_flood_is_one_row_in_the_audit(app, audit):
    visitor = Browser(app)
    for _ in range(30):
        visitor.sign_in("Anna", "guess")
    assert len(audit(what="failed sign-in", limit=100)) == 11


def test_behind_a_proxy_the_address_is_that_of_the_caller(network):
    place = Path(network.home) / "bridge.yaml"
    place.write_text(place.read_text() + "trusted_proxies: [127.0.0.1]\n")
    services = Services(type(network.services.settings)(**_with_proxy(network.services.settings)))
    app = new_app(services)
    answers = [
        app.test_client()
        .post("/login", data={"token": "x"}, headers={"X-Forwarded-For": f"198.51.100.{number}"})
        .status_code
        for number in range(12)
    ]
    services.close()
    assert set(answers) == {200}


def _with_proxy(settings):
    return {name: getattr(settings, name) for name in settings.__slots__} | {"trusted_proxies": ("127.0.0.1",)}


def test_from_elsewhere_nobody_lends_himself_an_address(app):
    answers = [
        app.test_client()
        .post("/login", data={"token": "x"}, headers={"X-Forwarded-For": f"198.51.100.{number}"})
        .status_code
        for number in range(12)
    ]
    assert answers[-1] == 429


def test_what_was_typed_as_a_name_is_kept_nowhere(app, network):
    Browser(app).sign_in("my-secret-typed-in-the-wrong-field", "x")
    assert b"wrong-field" not in (Path(network.services.settings.database_url.removeprefix("sqlite:///"))).read_bytes()


def test_an_unknown_name_costs_the_same_hash_as_a_wrong_password(app, user, monkeypatch):
    user("Anna")
    costs = []

    class Watched(PasswordHasher):
        def verify(self, *given):
            costs.append(extract_parameters(given[0]))
            return super().verify(*given)

    quick = slow_hashes.HASHER
    monkeypatch.setattr(slow_hashes, "HASHER", Watched(quick.time_cost, quick.memory_cost, quick.parallelism))
    for name in ("nobody", "Anna"):
        Browser(app).sign_in(name, "guess")
    assert costs == [costs[0], costs[0]]


# --- counting ------------------------------------------------------------------------------------------------


def counted(store, now, key="a"):
    with store.write() as session:
        return sessions.count_try(session, key, now=now, span=SPAN)


def test_tries_are_counted_until_the_stretch_is_over(store):
    assert [counted(store, NOW + timedelta(seconds=20 * number))[0] for number in range(5)] == [1, 2, 3, 1, 2]


def test_a_clock_that_ran_ahead_does_not_lock_anybody_out(store):
    counted(store, NOW + timedelta(days=400))
    assert counted(store, NOW) == (1, NOW)


def test_old_tries_are_forgotten(store):
    counted(store, NOW)
    counted(store, NOW + timedelta(days=2), "b")
    with store.write() as session:
        sessions.forget_tries(session, NOW + timedelta(days=1))
        assert [one.key for one in session.query(LoginAttempts)] == ["b"]


def test_keys_of_the_count_tell_nothing(app, network):
    Browser(app).sign_in("Anna", "x")
    with network.services.store.read() as session:
        assert all(re.fullmatch(r"[0-9a-f]{64}", one.key) for one in session.query(LoginAttempts))


def test_the_count_gives_the_database_moments_as_its_columns_hold_them(on_either_database):
    """SQLite's driver would write a bare datetime with its zone, and newer versions of it refuse one."""

    class Strange(datetime):
        """Unlike a datetime to the driver, which knows that class alone."""

    store = on_either_database.services.store
    for minute in range(3):
        now = Strange(2026, 3, 2, 12, 2 * minute, tzinfo=UTC)
        with store.write() as session:
            assert sessions.count_try(session, "a", now=now, span=SPAN) == (1, now)
        with store.read() as session:
            assert session.get_one(LoginAttempts, "a").since == now
