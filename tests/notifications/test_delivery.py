"""From what a rule did to what a channel hears, over real rows and a real local server."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook

from bridge.notifications import collect
from bridge.observability.metrics import NOTICES
from bridge.operations import approvals, notify
from bridge.store import notifications
from bridge.store.ledger import StoredPlan
from bridge.store.notifications import ChannelHealth, ChannelMute, Notice
from tests.receiver import Reply
from tests.support.rule_texts import pause_rule

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW_SECRET = "whsec_bmV3IGtleSBmb3IgdGhlIHJlY2VpdmVy"
STEPS = """\
  - notify: callback
    with: {text: "look at offer {{ offer.id }}"}"""
NOTIFY = """\
owner: traffic-team
notify:
  - {about: [paused, applied], to: [traffic, callback]}
  - {about: [shadow, waiting, approved, over_limit], to: [callback]}
"""


def topics(network):
    return sorted((one.channel, one.topic) for one in network.all(Notice))


def let_rule_run(network, mode="live", targets=50):
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.world.offer("Worse", clicks=1000, conversions=0, active=True)
    guards = f"{{at_most: {{targets: {targets}, share: 90%}}}}"
    network.rule(pause_rule(mode, hold="", steps=STEPS, guards=guards, more=NOTIFY))
    network.work()
    notify.collect_notices(network.services, network.now)


@pytest.fixture
def telling(network, receiver):
    """The network with two channels that both lead to the test's own server."""
    network.services.settings.channels.update(
        {
            "traffic": {"apprise": f"json://127.0.0.1:{receiver.port}/people", "group": "10s"},
            "callback": {"webhook": f"{receiver.url}/programs", "secrets": [NEW_SECRET, SECRET]},
        }
    )
    return network


def row(network, key="k", channel="callback", **more):
    with network.services.store.write() as session:
        made = {
            "channel": channel,
            "topic": "paused",
            "data": {"effect": 1, "plan": 2, "verb": "pause", "target": "offer 42", "reason": "cr"},
            "dedupe_key": key,
            "text": f"offer {key}",
            "created_at": network.now,
            "due_at": network.now,
        }
        notifications.add(session, [made | more])


def test_a_yes_is_told_once_and_with_the_name_of_who_said_it(telling):
    let_rule_run(telling, mode="approve")
    (plan,) = telling.all(StoredPlan)
    ann = approvals.Person(name="ann")
    approvals.approve(telling.services, plan.id, person=ann, now=telling.now)
    notify.collect_notices(telling.services, telling.now)
    notify.collect_notices(telling.services, telling.now)
    told = [one.text for one in telling.all(Notice) if one.topic == "approved"]
    assert told == [f"plan {plan.id} was approved by ann"]


def deliver(network, **much):
    network.pass_time(**much)
    while notify.deliver_notices(network.services, network.now, dice=lambda: 0.5):
        pass


def states(network):
    return [one.state for one in network.all(Notice)]


def paths(receiver):
    return [one.path for one in receiver.requests]


def test_a_message_to_a_program_is_signed_with_old_and_new_key(telling, receiver):
    row(telling)
    deliver(telling)
    (asked,) = receiver.requests
    for secret in (SECRET, NEW_SECRET):
        stamp, key = asked.headers["webhook-timestamp"], Webhook(secret)
        wanted = key.sign(asked.headers["webhook-id"], telling.now, asked.body.decode())
        assert wanted in asked.headers["webhook-signature"].split(" ")
        assert stamp == str(int(telling.now.timestamp()))
    assert json.loads(asked.body)["type"] == "bridge.paused"


def test_people_get_one_message_about_everything_that_waits(telling, receiver):
    for key in "abc":
        row(telling, key, channel="traffic")
    deliver(telling)
    (asked,) = receiver.requests
    message = json.loads(asked.body)
    assert message["title"] == "Integr8 Bridge: paused (3)"
    assert states(telling) == ["sent"] * 3


def test_a_failed_delivery_climbs_the_ladder_with_the_same_id(telling, receiver):
    receiver.replies = [Reply(500), Reply(500), Reply(200)]
    row(telling)
    deliver(telling)
    deliver(telling, seconds=4)
    assert len(receiver.requests) == 1
    deliver(telling, seconds=2)
    deliver(telling, minutes=6)
    assert states(telling) == ["sent"]
    assert len({asked.headers["webhook-id"] for asked in receiver.requests}) == 1
    assert len(receiver.requests) == 3


def test_retry_after_is_honoured(telling, receiver):
    receiver.replies = [Reply(429, {"Retry-After": "600"}), Reply(200)]
    row(telling)
    deliver(telling)
    deliver(telling, minutes=9)
    assert len(receiver.requests) == 1
    deliver(telling, minutes=2)
    assert states(telling) == ["sent"]


def test_a_dead_endpoint_gets_single_probes_and_loses_nothing(telling, receiver):
    receiver.replies = [Reply(500)]
    for key in range(30):
        row(telling, str(key))
    for _ in range(12):
        deliver(telling, seconds=6)
    asked = len(receiver.requests)
    assert asked < 12
    receiver.replies = [Reply(200)]
    for _ in range(80):
        deliver(telling, minutes=30)
    assert states(telling) == ["sent"] * 30


def test_a_dead_endpoint_does_not_hold_up_another_channel(telling, receiver):
    receiver.answer = lambda asked: Reply(500 if asked.path == "/programs" else 200)
    row(telling, "a")
    row(telling, "b", channel="traffic")
    deliver(telling)
    assert states(telling) == ["waiting", "sent"]


def test_gone_switches_an_endpoint_off_and_the_others_say_so(telling, receiver):
    receiver.answer = lambda asked: Reply(410 if asked.path == "/programs" else 200)
    row(telling)
    deliver(telling)
    deliver(telling, seconds=1)
    row(telling, "later")
    deliver(telling, seconds=1)
    assert paths(receiver).count("/programs") == 1
    assert "callback is switched off" in json.loads(receiver.requests[-1].body)["message"]


def test_a_channel_that_is_switched_on_again_gets_what_it_missed(telling, receiver):
    receiver.replies = [Reply(410), Reply(200)]
    row(telling)
    deliver(telling)
    with telling.services.store.write() as session:
        assert notifications.enable(session, "callback", telling.now) == 1
    deliver(telling, seconds=1)
    assert "sent" in states(telling)


def test_the_breaker_survives_a_restart_because_it_is_a_row(telling, receiver):
    receiver.replies = [Reply(500)]
    for key in range(5):
        row(telling, str(key), due_at=telling.now)
        deliver(telling, seconds=1)
    with telling.services.store.read() as session:
        assert session.get_one(ChannelHealth, "callback").open_until > telling.now


@pytest.mark.parametrize(
    ("names", "kind", "field"), [("current", "bridge.service_alert", "alert"), ("former", "bridge.trouble", "trouble")]
)
def test_a_notice_that_the_version_before_wrote_is_sent_under_the_names_that_the_channel_wants(
    telling, receiver, names, kind, field
):
    telling.services.settings.channels["callback"]["event_names"] = names
    row(telling, topic="service_alert", data={"alert": "halt", "since": telling.now.isoformat()})
    with telling.services.store.write() as session:
        [notice] = session.scalars(select(Notice))
        notice.topic, notice.data = "trouble", {"trouble": "halt", "since": telling.now.isoformat()}
    deliver(telling)
    body = json.loads(receiver.requests[0].body)
    assert (body["type"], body["data"][field]) == (kind, "halt")


def test_a_mute_of_a_former_topic_covers_notices_under_its_new_name(telling, receiver):
    with telling.services.store.write() as session:
        until = telling.now + timedelta(hours=1)
        session.add(ChannelMute(channel=None, rule_id=None, topic="trouble", until=until, by="ann", why="known"))
    row(telling, topic="service_alert", data={"alert": "halt", "since": telling.now.isoformat()})
    deliver(telling)
    assert (states(telling), receiver.requests) == (["silenced"], [])


def test_a_mute_keeps_quiet_until_it_expires(telling, receiver):
    with telling.services.store.write() as session:
        until = telling.now + timedelta(hours=1)
        session.add(ChannelMute(channel=None, rule_id=None, topic="paused", until=until, by="ann", why="known"))
    row(telling)
    deliver(telling)
    assert (states(telling), receiver.requests) == (["silenced"], [])
    telling.pass_time(hours=2)
    row(telling, "after")
    deliver(telling)
    assert len(receiver.requests) == 1


def test_a_message_that_loops_back_into_a_private_network_is_refused(telling, receiver):
    receiver.replies = [Reply(302, {"Location": "http://169.254.169.254/"})]
    row(telling)
    deliver(telling)
    assert paths(receiver) == ["/programs"]


def test_the_same_thing_noticed_twice_is_told_once(telling, receiver):
    row(telling)
    row(telling)
    deliver(telling)
    assert len(receiver.requests) == 1


def test_a_digest_waits_for_its_hour(telling, receiver):
    telling.services.settings.channels["traffic"]["digest"] = "1h"
    telling.services.__dict__.pop("channels", None)
    traffic = telling.services.channels["traffic"]
    assert collect.due(traffic, telling.now + timedelta(minutes=5)) == telling.now + timedelta(hours=1)


def test_a_rule_tells_what_it_asked_to_tell_and_each_channel_once(telling):
    let_rule_run(telling)
    assert set(topics(telling)) == {("callback", "message"), ("callback", "paused"), ("traffic", "paused")}
    assert len(topics(telling)) == 6


def test_looking_again_finds_nothing_new(telling):
    let_rule_run(telling)
    before = topics(telling)
    telling.pass_time(seconds=20)
    notify.collect_notices(telling.services, telling.now)
    assert topics(telling) == before


def test_the_owner_stands_in_the_message(telling, receiver):
    let_rule_run(telling)
    deliver(telling, seconds=11)
    bodies = [json.loads(asked.body) for asked in receiver.requests if asked.path == "/programs"]
    paused = next(one for one in bodies if one["type"] == "bridge.paused")
    assert (paused["data"]["rule"], paused["data"]["owner"]) == ("low-cr", "traffic-team")
    assert paused["data"]["verb"] == "pause"


def test_people_hear_of_both_offers_in_one_message(telling, receiver):
    let_rule_run(telling)
    deliver(telling, seconds=11)
    (message,) = [json.loads(asked.body) for asked in receiver.requests if asked.path == "/people"]
    assert message["title"] == "Integr8 Bridge: low-cr: paused (2)"


def test_a_shadow_rule_tells_what_it_would_have_done(telling):
    let_rule_run(telling, mode="shadow")
    assert topics(telling) == [("callback", "shadow")]


def test_a_plan_over_its_limit_is_told_under_that_name(telling):
    let_rule_run(telling, targets=1)
    assert topics(telling) == [("callback", "over_limit")]


def test_without_channels_nothing_is_looked_for(network):
    notify.collect_notices(network.services, network.now)
    assert network.all(Notice) == []


def test_each_message_counts_by_channel_and_answer(telling, receiver):
    counted = NOTICES.labels("callback", "taken")
    before = counted._value.get()
    row(telling)
    deliver(telling)
    assert counted._value.get() == before + 1
