"""A commit waits for the disk, unless it only says who works at this moment."""

import pytest
from sqlalchemy import text

from bridge.store import engine

ASKED = {
    "sqlite": ("PRAGMA synchronous", {True: 2, False: 1}),
    "postgresql": (
        "SELECT setting || ' by ' || source FROM pg_settings WHERE name = 'synchronous_commit' AND source = 'session'",
        {True: None, False: "off by session"},  # else it is as the server is configured
    ),
}


@pytest.fixture(autouse=True)
def _as_in_the_service(own_synchronous, monkeypatch):
    monkeypatch.setattr(engine, "SYNCHRONOUS", own_synchronous)


def test_only_a_transaction_that_says_so_does_not_wait_for_the_disk(store):
    question, told = ASKED[store.engine.dialect.name]
    for durable in (True, False, True):
        with store.write(durable=durable) as session:
            assert session.scalar(text(question)) == told[durable]
    with store.write(durable=False):
        pass
    with store.write_plainly() as connection:
        assert connection.scalar(text(question)) == told[True]
