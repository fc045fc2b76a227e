"""A filter by a word that does not exist is refused, with the nearest word that does."""

import pytest
from api_client import api_of

from bridge.store.roles import Role
from bridge.web.access import make

WRONG = {
    "/events?state=quarantine": ("state", "did you mean 'quarantined'?"),
    "/events?source=crmm": ("source", "did you mean 'crm'?"),
    "/runs?outcome=sucess": ("outcome", "is none of"),
    "/runs?outcome=waitin": ("outcome", "did you mean 'waiting'?"),
    "/runs?rule=low-crr": ("rule", "there is no 'low-crr'"),
    "/holds?state=activ": ("state", "did you mean 'active'?"),
    "/effects?state=aplied": ("state", "did you mean 'applied'?"),
    "/entities?kind=ofer": ("kind", "did you mean 'offer'?"),
    "/runs?limit=many": ("limit", "Not a valid integer"),
    "/runs?color=red": ("color", "Unknown field"),
}


@pytest.fixture
def ask(network):
    with network.services.store.write() as session:
        token = make(session, name="t", role=Role.VIEWER, who="test", now=network.now)
    client = api_of(network.services).test_client()
    return lambda path: client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})


def test_the_refusal_says_in_its_detail_what_is_wrong(ask):
    for path, (name, words) in WRONG.items():
        answer = ask(path)
        assert answer.status_code == 422, path
        assert answer.get_json()["detail"].startswith(f"{name}: "), path
        assert words in answer.get_json()["detail"], path


def test_words_that_exist_are_answered(ask, network):
    network.crm({"id": "1"})
    for path in ("/events?state=received", "/events?source=crm", "/runs?outcome=ready", "/holds?state=all"):
        assert ask(path).status_code == 200, path
