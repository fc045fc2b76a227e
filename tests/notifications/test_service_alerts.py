"""What is wrong with the service itself is told once when it begins and once when it is over."""

import dataclasses
import json
from datetime import timedelta

import pytest
from prometheus_client import generate_latest

from bridge.config import rulebook, settings
from bridge.config.settings import SettingsError
from bridge.observability import metrics_server
from bridge.operations import notify
from bridge.store import feeds, halts, heartbeats, service_alerts
from bridge.store.feeds import FeedKey, Kind
from bridge.store.journal import Event, EventState
from bridge.store.ledger import Call
from bridge.store.notifications import ChannelHealth, Notice
from bridge.web.gauges import Gauges


@pytest.fixture
def watched(network, receiver):
    network.services.settings.channels.update({"ops": {"apprise": f"json://127.0.0.1:{receiver.port}/ops"}})
    network.services.settings = dataclasses.replace(network.services.settings, operations=("ops",))
    return network


def look(network, **much):
    network.pass_time(**much)
    notify.watch_service(network.services, network.now)


def told(network):
    return [(one.topic, one.text) for one in network.all(Notice)]


def topics(network):
    return [one.topic for one in network.all(Notice)]


def write(network, *rows):
    with network.services.store.write() as session:
        session.add_all(rows)


def halt(network):
    with network.services.store.write() as session:
        halts.halt(session, by="ann", why="tracking outage", now=network.now)


def resume(network):
    with network.services.store.write() as session:
        halts.resume(session, by="bob", now=network.now)


def test_a_halt_is_told_once(watched):
    halt(watched)
    look(watched)
    look(watched, minutes=5)
    assert told(watched) == [
        ("service_alert", "all effects are halted by ann: tracking outage; `integr8-bridge resume` ends that")
    ]


def test_the_end_of_a_halt_is_told_with_its_length(watched):
    halt(watched)
    look(watched)
    resume(watched)
    look(watched, minutes=12)
    look(watched, minutes=1)
    assert told(watched)[1:] == [
        ("recovered", "over since 12:12:00 UTC, after 12 min: all effects are halted by ann: tracking outage")
    ]


def test_a_second_halt_is_told_anew(watched):
    for _ in range(2):
        halt(watched)
        look(watched, minutes=1)
        resume(watched)
        look(watched, minutes=1)
    assert topics(watched) == ["service_alert", "recovered"] * 2


def test_broken_rules_are_told_with_their_place(watched):
    (watched.home / "rules" / "bad.yaml").write_text("schema: 1\nid: bad\nguard: {}\n")
    rulebook.publish(watched.services.store, watched.services.settings, now=watched.now)
    look(watched)
    [(topic, text)] = told(watched)
    assert (topic, text.startswith("rules/bad.yaml:")) == ("service_alert", True)


def test_mended_rules_are_told(watched):
    test_broken_rules_are_told_with_their_place(watched)
    (watched.home / "rules" / "bad.yaml").unlink()
    rulebook.publish(watched.services.store, watched.services.settings, now=watched.now)
    look(watched, minutes=1)
    assert topics(watched) == ["service_alert", "recovered"]


def test_a_feed_that_stands_still_is_told(watched):
    with watched.services.store.write() as session:
        feed = feeds.ensure(session, FeedKey(account="main", integration="default", kind=Kind.CLICKS))
        feed.as_of, feed.alerted_at = watched.now - timedelta(hours=2), watched.now
    look(watched)
    assert told(watched) == [
        ("service_alert", "feed main/default/clicks stands still: its newest complete data is of 10:00 UTC")
    ]


def test_a_channel_that_takes_nothing_is_told_to_the_others(watched):
    write(watched, ChannelHealth(channel="traffic", failures=5, open_until=watched.now + timedelta(minutes=1)))
    look(watched)
    [(topic, text)] = told(watched)
    assert (topic, "channel traffic has not taken 5 messages" in text) == ("service_alert", True)


def test_a_channel_in_trouble_is_not_told_of_itself(watched):
    write(watched, ChannelHealth(channel="ops", failures=5, open_until=watched.now + timedelta(minutes=1)))
    look(watched)
    assert told(watched) == []


def call(network, outcome):
    return Call(account="main", operation="offers.get", targets=1, started_at=network.now, outcome=outcome)


def test_an_integr8_that_answers_nothing_is_told(watched):
    write(watched, *(call(watched, "unreachable") for _ in range(3)))
    look(watched)
    assert told(watched) == [("service_alert", "Integr8 answers none of our calls (account main); effects wait")]


def test_an_integr8_that_answers_now_and_then_is_no_news(watched):
    write(watched, *(call(watched, word) for word in ("unreachable", "unreachable", "unreachable", "ok")))
    look(watched)
    assert told(watched) == []


def test_dead_letters_are_told_once_while_they_grow(watched):
    for number in range(3):
        answer = watched.crm({"id": f"evt_{number}", "type": "deal"}).get_json()
        with watched.services.store.write() as session:
            event = session.get(Event, answer["event_id"])
            event.state, event.finished_at = EventState.DEAD, watched.now
        look(watched, minutes=1)
    assert told(watched) == [
        ("service_alert", "events of crm become dead letters (1 so far); `events list --state dead`")
    ]


def test_what_comes_back_within_a_minute_was_never_over(watched):
    write(watched, *(call(watched, "unreachable") for _ in range(3)))
    look(watched)
    write(watched, call(watched, "ok"))
    look(watched, seconds=20)
    watched.pass_time(minutes=5)
    write(watched, *(call(watched, "unreachable") for _ in range(3)))
    look(watched)
    assert topics(watched) == ["service_alert"]


def test_nobody_is_told_where_no_channel_is_meant(network):
    halt(network)
    look(network)
    assert told(network) == []


def test_two_workers_that_look_at_once_tell_once(watched):
    halt(watched)
    with watched.services.store.read() as session:
        seen = service_alerts.observe(session, watched.now)
    with watched.services.store.write() as session:
        first = service_alerts.begin(session, seen, watched.now)
    with watched.services.store.write() as session:
        second = service_alerts.begin(session, seen, watched.now)
    assert (first, second) == ({"halt"}, set())


def test_the_web_process_tells_while_nobody_works(watched, receiver):
    with watched.services.store.write() as session:
        heartbeats.beat(session, "tick", watched.now)
    watch = notify.watchdog(watched.services)
    for _ in range(3):
        watched.pass_time(minutes=1)
        watch.once()
    [asked] = receiver.requests
    assert "no work has been done since 12:00:00 UTC: Redis cannot be reached" in json.loads(asked.body)["message"]


def test_workers_that_are_back_tell_that_it_is_over(watched):
    web = notify.watchdog(watched.services)
    with watched.services.store.write() as session:
        heartbeats.beat(session, "tick", watched.now)
    watched.pass_time(minutes=2)
    web.once()
    look(watched, minutes=2)
    assert topics(watched) == ["service_alert", "recovered"]


def test_the_web_process_keeps_still_while_workers_work(watched):
    with watched.services.store.write() as session:
        heartbeats.beat(session, "tick", watched.now)
    halt(watched)
    notify.watchdog(watched.services).once()
    assert told(watched) == []


def test_a_channel_that_does_not_exist_is_a_mistake_with_its_place(network):
    path = network.home / "bridge.yaml"
    path.write_text(path.read_text() + "notices: {operations: opps}\nchannels: {ops: {apprise: '${CRM_TOKEN}'}}\n")
    with pytest.raises(SettingsError, match=r"notices.operations: there is no channel 'opps'; did you mean 'ops'"):
        settings.load(network.home)


def test_the_metrics_count_notices_and_troubles(watched):
    halt(watched)
    look(watched)
    text = generate_latest(metrics_server.registry([Gauges(watched.services, watched.services.clock)])).decode()
    assert 'bridge_notices{channel="ops",state="waiting"} 1.0' in text
    assert 'bridge_service_alerts{kind="halt"} 1.0' in text


def test_all_that_begins_at_once_is_one_message(watched, receiver):
    halt(watched)
    write(watched, *(call(watched, "unreachable") for _ in range(3)))
    look(watched)
    watched.pass_time(seconds=11)
    notify.deliver_notices(watched.services, watched.now)
    [asked] = receiver.requests
    assert json.loads(asked.body)["title"] == "Integr8 Bridge: problem with the service (2)"
