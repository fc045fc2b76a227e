"""A generated password goes to the channel that the rule names: once, and nowhere else."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bridge.operations import Refused, notify
from bridge.operations.reveal_secret import reveal_secret
from bridge.outbound.event_types import catalogue
from bridge.store import notifications
from bridge.store.audit_log import Audit
from bridge.store.ledger import Effect
from bridge.store.notifications import ChannelMute, Notice
from bridge.store.one_time_secrets import OneTimeSecret
from tests.flow.test_provisioning import RULE, deal
from tests.receiver import Reply, receiver

__all__ = ["receiver"]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def rule(channel):
    return RULE + f"    deliver_secret_to: {channel}\n"


@pytest.fixture
def channels(network, receiver):
    network.services.settings.channels.update(
        {
            "managers": {"apprise": f"json://127.0.0.1:{receiver.port}/people"},
            "crm-back": {"webhook": f"{receiver.url}/programs", "secret": SECRET},
            "weekly": {"apprise": f"json://127.0.0.1:{receiver.port}/weekly", "digest": "7d"},
        }
    )
    return network


def sign(network, channel="managers"):
    network.rule(rule(channel))
    network.crm(deal())
    network.work()
    [user] = network.world.directory.users.living()
    return user.secrets["password"] if hasattr(user, "secrets") else user.fields["password"]


def deliver(network, **much):
    network.pass_time(**much)
    while notify.deliver_notices(network.services, network.now, dice=lambda: 0.5):
        pass


def test_people_get_the_password_in_a_message_of_its_own(channels, receiver):
    password = sign(channels)
    deliver(channels)
    [asked] = receiver.requests
    message = json.loads(asked.body)
    assert message["title"] == "Integr8 Bridge: onboarding: secret to pass on"
    assert f"user email=ann@example.com can sign in; password: {password}" in message["message"]


def test_a_program_gets_it_as_data(channels, receiver):
    password = sign(channels, "crm-back")
    deliver(channels)
    [asked] = receiver.requests
    body = json.loads(asked.body)
    assert body["data"]["secret"] == {"password": password}
    assert set(body["data"]) - {"rule", "owner", "text"} == set(
        catalogue()["bridge.one_time_secret"]["properties"]["data"]["properties"]
    ) - {"rule", "owner", "text"}


def test_a_digest_does_not_hold_it_back(channels, receiver):
    sign(channels, "weekly")
    deliver(channels)
    assert len(receiver.requests) == 1


def test_it_is_told_once(channels, receiver):
    sign(channels)
    deliver(channels)
    deliver(channels, hours=1)
    assert len(receiver.requests) == 1


def test_afterwards_nobody_can_fetch_it_any_more(channels):
    sign(channels)
    deliver(channels)
    with pytest.raises(Refused, match="delivered already"):
        reveal_secret(channels.services, 2, who="ann", now=channels.now)


def test_the_audit_says_which_channel_got_it(channels):
    sign(channels)
    deliver(channels)
    [row] = [one for one in channels.all(Audit) if one.what == "deliver secret"]
    assert (row.who, row.about) == ("channel managers", "user email=ann@example.com")


def test_what_a_person_fetched_first_is_not_told(channels, receiver):
    sign(channels)
    reveal_secret(channels.services, 2, who="ann", now=channels.now)
    deliver(channels)
    assert receiver.requests == []
    [notice] = channels.all(Notice)
    assert (notice.state, "delivered already" in notice.error) == ("failed", True)


def test_a_channel_that_does_not_take_it_gets_it_later(channels, receiver):
    receiver.replies = [Reply(500), Reply(200)]
    password = sign(channels)
    deliver(channels)
    deliver(channels, seconds=10)
    assert password in receiver.requests[1].body.decode()


def test_while_the_channel_does_not_take_it_a_person_can_fetch_it(channels, receiver):
    receiver.replies = [Reply(500)]
    password = sign(channels)
    deliver(channels)
    assert reveal_secret(channels.services, 2, who="ann", now=channels.now) == {"password": password}


def test_after_three_days_it_is_gone(channels, receiver):
    receiver.replies = [Reply(500)]
    sign(channels)
    deliver(channels)
    count = len(receiver.requests)
    deliver(channels, hours=73)
    assert len(receiver.requests) == count


def test_a_silence_keeps_it_for_a_person(channels, receiver):
    password = sign(channels)
    with channels.services.store.write() as session:
        until = channels.now.replace(year=2027)
        session.add(ChannelMute(channel="managers", until=until, by="ann", why="a move"))
    deliver(channels)
    assert receiver.requests == []
    assert reveal_secret(channels.services, 2, who="ann", now=channels.now) == {"password": password}


@pytest.mark.parametrize("replies", [[Reply(200)], [Reply(500), Reply(200)]])
def test_it_is_never_in_the_database_in_clear(channels, receiver, replies):
    receiver.replies = list(replies)
    password = sign(channels)
    for seconds in (0, 10):
        deliver(channels, seconds=seconds)
        raw = b"".join(path.read_bytes() for path in channels.home.parent.glob("bridge.db*"))
        assert password.encode() not in raw


def test_it_is_never_in_the_log(channels, receiver, capsys):
    receiver.replies = [Reply(500), Reply(200)]
    password = sign(channels)
    for seconds in (0, 10):
        deliver(channels, seconds=seconds)
    assert len(receiver.requests) == 2
    written = capsys.readouterr()
    assert password not in written.out + written.err


def test_nothing_is_left_when_it_is_told(channels):
    sign(channels)
    deliver(channels)
    with channels.services.store.read() as session:
        assert session.query(OneTimeSecret).count() == 0


def test_a_user_that_was_there_already_gets_no_new_password(channels, receiver):
    sign(channels)
    deliver(channels)
    channels.crm(deal(2))
    channels.work()
    deliver(channels)
    assert [effect.state for effect in channels.all(Effect)] == ["applied", "applied", "skipped", "skipped"]
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("channel", ["managers", "crm-back"])
def test_a_notice_that_cannot_be_read_fails_alone_and_the_others_go_out(channels, receiver, channel):
    password = sign(channels, channel)
    with channels.services.store.write() as session:
        [good] = session.scalars(select(Notice))
        for data in ({"sealed": "x"}, {"effect": 2, "sealed": "Ä"}, {"effect": 2, "sealed": 5}):
            row = {"channel": channel, "topic": good.topic, "dedupe_key": f"bad {data}", "text": "?", "data": data}
            notifications.add(session, [row | {"created_at": good.created_at, "due_at": good.created_at}])
        session.execute(update(Notice).where(Notice.id == good.id).values(due_at=good.due_at + timedelta(seconds=1)))
    deliver(channels, seconds=2)
    assert sorted(one.state for one in channels.all(Notice)) == ["failed"] * 3 + ["sent"]
    assert password in receiver.requests[0].body.decode()
    assert len(receiver.requests) == 1
    deliver(channels, hours=1)
    assert len(receiver.requests) == 1


def test_without_the_key_a_secret_waits_and_other_messages_go_out(channels, receiver):
    password = sign(channels)
    with channels.services.store.write() as session:
        [good] = session.scalars(select(Notice))
        row = {"channel": "managers", "topic": "service_alert", "dedupe_key": "x", "text": "disk full"}
        row["data"] = {"alert": "disk", "since": "2026-03-02T12:00:00Z"}
        notifications.add(session, [row | {"created_at": good.created_at, "due_at": good.created_at}])
    box = channels.services.box
    del channels.services.box
    settings = channels.services.settings
    channels.services.settings = replace(settings, secret_key=None)
    deliver(channels, seconds=2)
    assert ["disk full" in one.body.decode() for one in receiver.requests] == [True]
    channels.services.box, channels.services.settings = box, settings
    deliver(channels, minutes=2)
    assert password in receiver.requests[1].body.decode()
