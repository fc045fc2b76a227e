"""A password is in the memory of one request and nowhere else: no log, no database, no page, no error."""

import logging
from pathlib import Path

import pytest
from console_users import Browser
from sqlalchemy.exc import OperationalError

from bridge.store.engine import Store, make_engine
from bridge.store.roles import Role

TYPED = ("a first secret phrase", "the second secret phrase", "a wrong secret phrase")


@pytest.fixture
def lived(app, user, caplog):
    """Somebody signed in, mistyped, and changed the password, while everything was logged."""
    caplog.set_level(logging.DEBUG)
    first, second, wrong = TYPED
    user("Anna", Role.ADMIN, password=first)
    anna = Browser(app)
    anna.sign_in("Anna", wrong)
    anna.sign_in("Anna", first)
    anna.press("/account", "/account", old=wrong, new=second, again=second)
    anna.press("/account", "/account", old=first, new=second, again=second)
    anna.press("/settings", "/users", name="Otto", role="viewer")
    return anna


def test_no_password_is_in_the_database(lived, network):
    place = Path(network.services.settings.database_url.removeprefix("sqlite:///"))
    kept = b"".join(path.read_bytes() for path in place.parent.glob(f"{place.name}*"))
    assert [text for text in TYPED if text.encode() in kept] == []


def test_no_password_is_in_the_log(lived, caplog, capfd):
    said = caplog.text + "".join(capfd.readouterr())
    assert [text for text in TYPED if text in said] == []


def test_no_password_is_on_a_page(lived):
    pages = "".join(lived.open(path) for path in ("/settings", "/account", "/activity"))
    assert [text for text in TYPED if text in pages] == []


def test_no_password_is_in_an_error(app, network, tmp_path, caplog):
    network.services.__dict__["store"] = Store(make_engine(f"sqlite:///{tmp_path / 'empty.db'}"))
    app.testing = True  # errors come through
    with pytest.raises(OperationalError) as caught:
        app.test_client().post("/login", data={"name": "Anna", "password": TYPED[0]})
    network.services.store.close()
    assert TYPED[0] not in str(caught.value) + caplog.text
