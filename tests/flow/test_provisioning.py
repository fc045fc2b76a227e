"""A signed deal becomes a publisher and a login, once."""

import pytest

from bridge.store.journal import Event
from bridge.store.ledger import Effect
from bridge.store.runs import Run

RULE = """
schema: 1
id: onboarding
mode: live
trigger: {webhook: {source: crm, event: deal.signed, dedupe: body.deal_id}}
when:
  all:
    - body.deal.type = "publisher"
then:
  - id: pub
    ensure: publisher
    key: {email: "{{ body.email }}"}
    with: {name: "{{ body.company }}", active: true}
  - ensure: user
    key: {email: "{{ body.email }}"}
    with: {role: accountManager, password: generate, first_name: "{{ pub.id }}"}
"""


def deal(number=1, **more):
    return {
        "id": f"evt_{number}", "type": "deal.signed", "deal_id": number, "deal": {"type": "publisher"},
        "email": "ann@example.com", "company": "Ann Ltd",
    } | more  # fmt: skip


@pytest.fixture
def people(network):
    network.rule(RULE)
    directory = network.world.directory
    return lambda: (len(list(directory.publishers.living())), len(list(directory.users.living())))


def test_a_deal_makes_one_publisher_and_one_login(network, people):
    answer = network.crm(deal())
    assert (answer.status_code, answer.get_json()["duplicate"]) == (202, False)
    network.work()
    assert people() == (1, 1)


def test_the_same_delivery_twice_is_one_deal(network, people):
    first, second = network.crm(deal()), network.crm(deal())
    assert second.get_json() == {"event_id": first.get_json()["event_id"], "duplicate": True}
    network.work()
    assert people() == (1, 1)


def test_the_same_deal_in_two_deliveries_is_one_run(network, people):
    network.crm(deal())
    network.crm(deal(id="evt_again"))
    network.work()
    assert len(network.all(Event)) == 2
    assert len(network.all(Run)) == 1
    assert people() == (1, 1)


def test_two_deals_for_one_address_make_one_publisher(network, people):
    network.crm(deal(1))
    network.crm(deal(2))
    network.work()
    assert people() == (1, 1)


def test_the_second_step_got_the_id_of_the_first(network, people):
    network.crm(deal())
    network.work()
    [publisher] = network.world.directory.publishers.living()
    [user] = network.world.directory.users.living()
    assert user.view()["first_name"] == publisher.key


def test_what_is_no_publisher_makes_nothing(network, people):
    network.crm(deal(deal={"type": "advertiser"}))
    network.work()
    assert people() == (0, 0)
    assert network.all(Run)[0].no == 1


def test_without_an_address_nothing_is_half_done(network, people):
    network.crm(deal(email=None))
    network.work()
    assert people() == (0, 0)
    assert network.all(Effect) == []


def test_a_create_whose_answer_was_lost_makes_one_publisher(network, people):
    network.world.faults.add({"kind": "drop", "when": "after", "operation": "publishers.create", "count": 1})
    network.crm(deal())
    network.work()
    network.pass_time(seconds=30)
    network.work()
    assert people() == (1, 1)


def test_the_password_is_nowhere_in_the_database(network, people):
    network.crm(deal())
    network.work()
    network.pass_time(seconds=1)
    raw = b"".join(path.read_bytes() for path in network.home.parent.glob("bridge.db*"))
    [user] = network.world.directory.users.living()
    password = user.secrets["password"] if hasattr(user, "secrets") else user.fields["password"]
    assert password.encode() not in raw


def test_a_wrong_token_is_refused_and_journals_nothing(network, people):
    answer = network.webhooks.post("/hooks/crm", data=b"{}", headers={"authorization": "Bearer wrong"})
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert network.all(Event) == []


def test_an_unknown_source_says_what_was_meant(network, people):
    answer = network.webhooks.post("/hooks/crmm", data=b"{}")
    assert answer.status_code == 404
    assert "did you mean 'crm'?" in answer.get_json()["detail"]


def test_five_megabytes_are_too_much(network, people):
    headers = {"authorization": "Bearer a-long-token-for-tests-0123456789", "content-type": "application/json"}
    answer = network.webhooks.post("/hooks/crm", data=b'{"a": "' + b"x" * 5_000_000 + b'"}', headers=headers)
    assert answer.status_code == 413
    assert "1048576 bytes" in answer.get_json()["detail"]


def test_the_password_is_handed_over_once(network, people):
    from bridge.operations import NotThere, Refused
    from bridge.operations.reveal_secret import reveal_secret

    network.crm(deal())
    network.work()
    with pytest.raises(NotThere, match="generated no secret"):
        reveal_secret(network.services, 1, who="ann", now=network.now)
    assert len(reveal_secret(network.services, 2, who="ann", now=network.now)["password"]) == 20
    with pytest.raises(Refused, match="delivered already"):
        reveal_secret(network.services, 2, who="ann", now=network.now)


def test_a_password_that_nobody_fetched_in_time_is_gone(network, people):
    from bridge.operations import Refused
    from bridge.operations.reveal_secret import reveal_secret

    network.crm(deal())
    network.work()
    network.pass_time(hours=73)
    with pytest.raises(Refused, match="has expired"):
        reveal_secret(network.services, 2, who="ann", now=network.now)
