"""Long questions: a worker answers them, few at once, beside the webhooks, and whoever leaves ends the work."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx
import pytest
from local_server import served
from rule_texts import pause_rule

from bridge.operations import questions
from bridge.operations.errors import NotThere, TooMany
from bridge.services.container import Services
from bridge.store import questions as stored
from bridge.store.questions import Question
from bridge.store.roles import Role

TEXT = {"text": pause_rule()}


@pytest.fixture
def asked(app, token):
    """A real server; what a viewer is answered."""
    with served(app) as address:

        def ask(secret):
            headers = {"authorization": f"Bearer {secret}"}
            return httpx.post(f"{address}/api/v1/rules/diff", json=TEXT, headers=headers, timeout=120)

        ask.address, ask.viewer = address, token(Role.VIEWER)
        yield ask


@pytest.fixture
def idle(network):
    """Nobody answers until the test does; returns an event for the moment when somebody has asked."""
    begun = Event()
    network.wake_ups.at_once[questions.TASK] = begun.set
    return begun


def answer_next(network):
    return questions.answer_next(network.services, network.now)


def test_of_sixteen_at_once_one_is_worked_on_and_webhooks_go_on(network, asked, idle):
    with ThreadPoolExecutor(16) as threads:
        first = threads.submit(asked, asked.viewer)
        assert idle.wait(120)
        others = [one.result() for one in [threads.submit(asked, asked.viewer) for _ in range(15)]]
        hook = httpx.post(f"{asked.address}/hooks/nobody", content=b"{}", timeout=120)
        assert answer_next(network)
        answered = first.result()
    assert {one.status_code for one in others} == {429}
    assert {one.headers["retry-after"] for one in others} == {"5"}
    assert "has one open already" in others[0].json()["detail"]
    assert (hook.status_code, answered.status_code) == (404, 200)
    assert answered.json()["data"]["rules"][0]["rule"] == "low-cr"
    assert network.all(Question) == []


def test_a_person_who_goes_on_to_another_page_is_not_refused(network, idle):
    """The question of the page that was left is open for a moment."""
    first = questions._put(network.services, "check", TEXT, "ann")
    with pytest.raises(TooMany):
        questions.ask(network.services, "check", TEXT, who="ann")
    with ThreadPoolExecutor(1) as threads:
        second = threads.submit(questions.ask, network.services, "check", TEXT, who="ann", patience=120)
        assert not idle.wait(0.3)  # it has not been asked yet
        with network.services.store.write() as session:
            stored.withdraw(session, first)
        assert idle.wait(120)
        assert answer_next(network)
        assert second.result()["rules"] == ["low-cr"]


def test_one_that_no_worker_takes_up_is_given_up(network, asked, idle, monkeypatch):
    monkeypatch.setattr(questions, "QUESTION_TIMEOUT", 0.1)
    answer = asked(asked.viewer)
    assert (answer.status_code, network.all(Question)) == (503, [])
    assert "no worker has taken it up" in answer.json()["detail"]


def test_one_that_takes_too_long_is_given_up(network, asked, monkeypatch):
    def begin():
        monkeypatch.setattr(questions, "QUESTION_TIMEOUT", -1.0)
        with network.services.store.write() as session:
            stored.take(session, network.now)

    network.wake_ups.at_once[questions.TASK] = begin
    answer = asked(asked.viewer)
    assert (answer.status_code, network.all(Question)) == (422, [])
    assert "not answered within" in answer.json()["detail"]


def ask(network, who="ann", **more):
    return questions.ask(network.services, "test", {"rule": "none"}, who=who, **more)


def put(network, who, kind="test"):
    return questions._put(network.services, kind, {"rule": "none"}, who)


def test_of_one_asker_one_is_open_and_of_all_together_a_few(network):
    for number in range(questions.MAX_OPEN_QUESTIONS):
        put(network, f"person {number}")
    with pytest.raises(TooMany, match="person 1 has one open"):
        ask(network, "person 1")
    with pytest.raises(TooMany, match="4 are open"):
        ask(network)


def test_a_question_of_a_process_that_was_killed_is_forgotten(network):
    put(network, "ann")
    network.pass_time(seconds=questions.QUESTION_TIMEOUT)
    with pytest.raises(NotThere):
        raise_its_own(lambda: ask(network))


def raise_its_own(call):
    """What the answer refuses comes with its status; here as the error that it was for the worker."""
    try:
        call()
    except questions.OperationError as error:
        raise {404: NotThere}[error.status](str(error)) from error


def test_whoever_leaves_takes_the_question_away(network, idle):
    with pytest.raises(questions.TookTooLong):
        ask(network, has_left=lambda: True)
    assert network.all(Question) == []


def test_the_worker_stops_between_two_steps_when_nobody_waits(network, idle, monkeypatch):
    monkeypatch.setattr(questions, "STILL_WANTED", 0.0)
    steps = []

    def works(services, asked, now, between):
        for step in range(3):
            between()
            steps.append(step)
            with services.store.write() as session:
                stored.withdraw(session, 1)

    monkeypatch.setattr(questions, "ANSWERS", {"long": works})
    put(network, "ann", "long")
    assert answer_next(network)
    assert steps == [0]
    assert not answer_next(network)


def test_one_at_a_time_is_worked_on_and_the_sweep_finds_the_next(network):
    put(network, "ann")
    put(network, "bob")
    with network.services.store.write() as session:
        assert stored.is_waiting(session, network.now)
        first = stored.take(session, network.now)
        assert stored.take(session, network.now) is None
        assert not stored.is_waiting(session, network.now)
        stored.conclude(session, first, answer=json.dumps(1))
        assert stored.is_waiting(session, network.now)


def test_a_fault_of_ours_is_told_and_raised(network, monkeypatch):
    def breaks(*_):
        raise KeyError("x")

    monkeypatch.setattr(questions, "ANSWERS", {"test": breaks})
    put(network, "ann")
    with pytest.raises(KeyError):
        answer_next(network)
    [row] = network.all(Question)
    assert (row.answered, row.status) == (True, 500)


def test_a_question_that_fails_gives_its_place_back(asked):
    assert asked(asked.viewer).status_code == 200
    assert asked(asked.viewer).status_code == 200


PAGES = (
    ("/explain?rule=low-cr&subject=offer=1002", None),
    ("/explain?subject=offer=1002&at=2026-03-02T12:00", None),
    ("/rules/low-cr/to/live", None),
    ("/rules/form/look", TEXT),
    ("/rules/form/costs", TEXT),
    ("/rules/form/past", TEXT),
    ("/rules/form", TEXT | {"act": "past"}),
)


@pytest.mark.parametrize(("path", "fields"), PAGES)
def test_no_page_evaluates_a_rule_beside_the_webhooks(network, browser, lived_in, monkeypatch, path, fields):
    lived_in()
    page = browser(Role.VIEWER)
    network.wake_ups.at_once[questions.TASK] = lambda: None  # no worker takes it up
    monkeypatch.setattr(questions, "QUESTION_TIMEOUT", 0.01)
    monkeypatch.setattr(Services, "data", None)  # whoever evaluates needs it
    told = page.open(path) if fields is None else page.press("/rules/low-cr/edit", path, **fields)
    assert ("o worker has taken it up" in told) is (path != "/rules/low-cr/to/live"), told
