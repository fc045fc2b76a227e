"""Channels, secrets of sources, exceptions and fetched reports: made while the service runs, and used at once."""

from dataclasses import replace
from datetime import timedelta

import pytest
from rule_texts import pause_rule
from sqlalchemy import select

from bridge.config import settings
from bridge.config.errors import SettingsError
from bridge.operations import mutes, source_secrets
from bridge.operations.channel_entry import add_channel, tell_of_service
from bridge.operations.check import refuse_unusable
from bridge.operations.errors import NotThere, Refused
from bridge.operations.item_mutes import end_mutes, mute_item
from bridge.operations.report_backfill import backfills, fetch
from bridge.store import notifications
from bridge.store.ledger import Effect
from bridge.store.notifications import Notice

BASE = "https://bridge.example.com"
TELLS = pause_rule("live", more="notify: [{about: [paused], to: [traffic]}]")


def add(network, name="traffic", kind="webhook", address="https://hooks.example.com/x"):
    return add_channel(network.services, name, kind, address, who="Anna", now=network.now)


def test_a_channel_is_used_at_once_and_its_address_stands_in_no_yaml(network):
    made = add(network)
    yaml = (network.home / "bridge.yaml").read_text()
    assert "hooks.example.com" not in yaml
    assert made.secret.startswith("whsec_")
    assert network.services.channels["traffic"].url == "https://hooks.example.com/x"
    assert (network.home / ".env").stat().st_mode & 0o077 == 0


def test_a_rule_that_waited_for_its_channel_loads_with_it(network):
    (network.home / "rules" / "low-cr.yaml").write_text(TELLS)
    add(network)
    with network.services.store.read() as session:
        assert "low-cr" in network.services.library.current(session).revisions


@pytest.mark.parametrize(
    ("name", "kind", "address"),
    [("traffic", "webhook", "no address"), ("traffic", "apprise", "nothing://"), ("../x", "webhook", "https://a.example"),
     ("traffic", "other", "https://a.example"), ("traffic", "webhook", "https://a.example/\nx: 1")],
)  # fmt: skip
def test_a_channel_that_cannot_work_changes_nothing(network, name, kind, address):
    before = (network.home / "bridge.yaml").read_text()
    with pytest.raises(Refused):
        add(network, name, kind, address)
    assert (network.home / "bridge.yaml").read_text() == before
    assert not (network.home / ".env").exists()


@pytest.mark.parametrize(
    ("stands", "then"),
    [
        ("", "notices:\n  operations: [traffic]\n"),
        ("notices: {operations: ops}  # ours\n", "notices: {operations: [ops, traffic]}  # ours\n"),
        ("notices:\n  # ours\n  operations: [ops]\n", "notices:\n  # ours\n  operations: [ops, traffic]\n"),
    ],
)
def test_a_channel_is_told_of_problems_of_the_service_and_no_more(network, stands, then):
    add(network, "ops")
    add(network)
    file = network.home / "bridge.yaml"
    file.write_text(file.read_text() + stands)
    network.services.refresh()
    for _ in range(2):  # a second time changes nothing
        told = tell_of_service(network.services, "traffic", told=True, who="Anna", now=network.now)
    assert told == network.services.settings.operations
    assert file.read_text().endswith(then)
    tell_of_service(network.services, "traffic", told=False, who="Anna", now=network.now)
    assert network.services.settings.operations == (("ops",) if stands else ())


def test_a_list_of_channels_that_only_a_person_should_change_stays(network):
    add(network)
    file = network.home / "bridge.yaml"
    file.write_text(file.read_text() + "notices:\n  operations:\n    - traffic\n")
    network.services.refresh()
    before = file.read_text()
    with pytest.raises(Refused, match="by hand"):
        tell_of_service(network.services, "traffic", told=False, who="Anna", now=network.now)
    assert file.read_text() == before
    with pytest.raises(NotThere):
        tell_of_service(network.services, "nowhere", told=True, who="Anna", now=network.now)


def test_a_name_is_taken_once(network):
    add(network)
    with pytest.raises(Refused, match="already"):
        add(network)


def test_a_file_that_cannot_be_used_leaves_the_service_as_it_was(network):
    (network.home / "bridge.yaml").write_text("accounts: [")
    assert network.services.refresh() is False
    assert "crm" in network.services.sources


CALLS_TOO = """
schema: 1
id: calls-too
mode: live
trigger: {webhook: {source: crm, dedupe: body.id}}
when: {all: [body.go = true]}
then:
  - {pause: offer, which: "{{ body.offer }}", hold: 12h}
  - http: {url: "https://partner.example/stopped", body: {offer: "{{ body.offer }}"}}
"""


def test_an_address_that_cannot_be_allowed_keeps_only_the_calls_that_need_it(network):
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    network.work()
    network.rule(CALLS_TOO)
    network.services.settings = replace(network.services.settings, http={"allow": ["partner.example"]})
    network.crm({"id": "1", "go": True, "offer": "1001"})
    network.work()
    assert network.paused == ["Good"]
    with network.services.store.read() as session:
        waiting = session.scalars(select(Effect).where(Effect.verb == "http")).one()
        assert (waiting.state, "http.allow" in waiting.error) == ("planned", True)


def test_addresses_that_may_be_called_are_taken_in_while_the_service_runs(network):
    text = (network.home / "bridge.yaml").read_text()
    (network.home / "bridge.yaml").write_text(text + "http: {allow: [partner.example]}\n")
    assert network.services.refresh() is False  # no address, so nothing changes
    (network.home / "bridge.yaml").write_text(text + "http: {allow: ['https://partner.example']}\n")
    assert network.services.refresh() is True
    assert network.services.settings.http["allow"] == ["https://partner.example"]
    assert network.services.outgoing is not None


def test_a_process_does_not_start_with_an_entry_that_cannot_work(network):
    text = (network.home / "bridge.yaml").read_text()
    wrong = "http: {allow: [partner.example]}\nchannels: {traffic: {digest: 1h}}\n"
    (network.home / "bridge.yaml").write_text(text + wrong)
    with pytest.raises(SettingsError) as told:
        refuse_unusable(settings.load(network.home))
    assert [line.partition(": ")[2].partition(":")[0] for line in told.value.problems] == [
        "channels.traffic", "http.allow.0",
    ]  # fmt: skip


def test_both_secrets_of_a_source_are_accepted_until_the_old_one_is_ended(network):
    def sent(token):
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        return network.webhooks.post("/hooks/crm", data=b'{"id": "1", "type": "x"}', headers=headers).status_code

    made = source_secrets.rotate(network.services, "crm", base_url=BASE, who="Anna", now=network.now)
    old = "a-long-token-for-tests-0123456789"
    assert (sent(made.secret), sent(old)) == (202, 202)
    source_secrets.end_old(network.services, "crm", who="Anna", now=network.now)
    assert (sent(made.secret), sent(old)) == (202, 401)
    with pytest.raises(Refused, match="rotate it first"):
        source_secrets.end_old(network.services, "crm", who="Anna", now=network.now)


def test_the_address_of_a_postback_source_has_the_new_token(network):
    made = source_secrets.rotate(network.services, "postback", base_url=BASE, who="Anna", now=network.now)
    assert made.secret in made.address
    assert made.address.startswith(f"{BASE}/hooks/postback/")


def test_a_source_is_added_with_a_secret_of_its_own(network):
    made = source_secrets.add_source(
        network.services, "partners", "everflow", "", base_url=BASE, who="Anna", now=network.now
    )
    assert "partners" in network.services.sources
    assert made.secret in made.address


def test_a_source_that_is_not_there_or_not_known(network):
    with pytest.raises(NotThere):
        source_secrets.rotate(network.services, "nobody", base_url=BASE, who="Anna", now=network.now)
    with pytest.raises(Refused, match="sender"):
        source_secrets.add_source(network.services, "x", "no-preset", "", base_url=BASE, who="Anna", now=network.now)


def test_no_rule_touches_an_exception_until_it_is_ended(network):
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.work()
    mute_item(network.services, "offer=1002", why="contract until March", who="Anna", now=network.now)
    network.rule(pause_rule("live"))
    network.work()
    assert network.paused == []
    assert end_mutes(network.services.store, "*", "offer=1002", who="Anna", now=network.now)
    network.pass_time(minutes=30)
    network.work()
    assert network.paused == ["Bad"]


@pytest.mark.parametrize(
    ("item", "more", "refusal"),
    [("offer=99", {}, NotThere), ("1001", {}, Refused), ("offer=1001", {"why": " "}, Refused),
     ("offer=1001", {"rule": "nothing"}, NotThere), ("offer=1001", {"until": timedelta(hours=-1)}, Refused)],
)  # fmt: skip
def test_an_exception_needs_an_item_a_reason_and_an_end_to_come(network, item, more, refusal):
    network.world.offer("Bad", active=True)
    network.work()
    more = dict(more)
    if "until" in more:
        more["until"] = network.now + more["until"]
    with pytest.raises(refusal):
        mute_item(network.services, item, **{"why": "x", "who": "Anna", "now": network.now} | more)


def test_a_message_is_sent_again(network):
    add(network)
    row = {"channel": "traffic", "topic": "test", "dedupe_key": "k", "text": "t", "created_at": network.now,
           "due_at": network.now}  # fmt: skip
    with network.services.store.write() as session:
        session.add(Notice(**notifications.EMPTY | row | {"state": "failed", "error": "refused"}))
        session.flush()
        made = mutes.send_again(session, 1, who="Anna", now=network.now)
        assert (made.state, made.error) == ("waiting", None)
        with pytest.raises(NotThere):
            mutes.send_again(session, 9, who="Anna", now=network.now)


def test_days_before_what_is_known_are_fetched_and_then_known(network):
    network.world.offer("Fair", clicks=500, conversions=30, active=True)
    network.work()
    [before, *_] = backfills(network.services)
    fetch(network.services, 30, who="Anna", now=network.now)
    assert any(one.is_open for one in backfills(network.services))
    with pytest.raises(Refused, match="being read"):
        fetch(network.services, 30, who="Anna", now=network.now)
    network.work()
    found = backfills(network.services)
    assert not any(one.is_open for one in found)
    assert all(one.since <= network.now - timedelta(days=29) for one in found if one.since)
    assert before.since > network.now - timedelta(days=29)
