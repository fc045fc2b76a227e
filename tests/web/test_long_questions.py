"""Sixteen long questions at once by a viewer: one is answered, and a webhook is taken meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx
import pytest
from local_server import served
from rule_texts import pause_rule

from bridge.store.roles import Role
from bridge.web.api import long_questions, rules

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


def test_of_sixteen_at_once_one_is_worked_on_and_webhooks_go_on(asked, monkeypatch):
    begun, go_on = Event(), Event()
    slow = rules.diff_text

    def waits(*args, **more):
        begun.set()
        assert go_on.wait(120)
        return slow(*args, **more)

    monkeypatch.setattr(rules, "diff_text", waits)
    with ThreadPoolExecutor(16) as threads:
        first = threads.submit(asked, asked.viewer)
        assert begun.wait(120)
        others = [one.result() for one in [threads.submit(asked, asked.viewer) for _ in range(15)]]
        hook = httpx.post(f"{asked.address}/hooks/nobody", content=b"{}", timeout=120)
        go_on.set()
        answered = first.result()
    assert {one.status_code for one in others} == {429}
    assert {one.headers["retry-after"] for one in others} == {"5"}
    assert "has one open already" in others[0].json()["detail"]
    assert (hook.status_code, answered.status_code) == (404, 200)
    assert asked(asked.viewer).status_code == 200


def test_one_that_takes_too_long_is_given_up(asked, monkeypatch):
    monkeypatch.setattr(long_questions, "SECONDS", -1.0)
    answer = asked(asked.viewer)
    assert answer.status_code == 422
    assert "not answered within" in answer.json()["detail"]


def test_a_question_that_fails_gives_its_place_back(asked):
    assert asked(asked.viewer).status_code == 200
    assert asked(asked.viewer).status_code == 200
