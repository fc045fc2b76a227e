"""`channels` on the command line: what there is, trying one out, silence, and beginning anew."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from rule_texts import pause_rule
from standardwebhooks import Webhook

from bridge.cli import cli
from bridge.store.audit_log import Audit
from bridge.store.notifications import EMPTY, ChannelHealth, ChannelMute, Notice
from tests.receiver import Reply, receiver

__all__ = ["receiver"]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def home(network, receiver, monkeypatch):
    """A home whose bridge.yaml has a channel for people and one for programs, both led to the test's own server."""
    path = network.home / "bridge.yaml"
    path.write_text(
        path.read_text() + "channels:\n"
        '  traffic: {apprise: "${TRAFFIC}"}\n'
        f'  callback: {{webhook: "{receiver.url}/programs", secret: "${{CALLBACK}}"}}\n'
    )
    monkeypatch.setenv("BRIDGE_HOME", str(network.home))
    monkeypatch.setenv("TRAFFIC", f"json://127.0.0.1:{receiver.port}/people")
    monkeypatch.setenv("CALLBACK", SECRET)
    return network


def run(*arguments, code=0):
    found = CliRunner().invoke(cli, list(arguments))
    assert found.exit_code == code, found.output
    return found.output


def write(network, *rows):
    with network.services.store.write() as session:
        session.add_all(rows)


def test_a_test_message_reaches_people(home, receiver):
    assert "traffic took the message" in run("channels", "test", "traffic")
    [asked] = receiver.requests
    assert "This is a test message" in json.loads(asked.body)["message"]


def test_a_test_message_to_a_program_is_signed(home, receiver):
    run("channels", "test", "callback")
    [asked] = receiver.requests
    assert Webhook(SECRET).verify(asked.body, asked.headers)["type"] == "bridge.test"


def test_a_receiver_that_refuses_is_a_failure_with_its_answer(home, receiver):
    receiver.replies = [Reply(503)]
    assert "callback: the endpoint answered HTTP 503" in run("channels", "test", "callback", code=1)


def test_a_test_message_passes_a_channel_that_is_switched_off(home, receiver):
    write(home, ChannelHealth(channel="callback", failures=9, disabled_at=datetime.now(UTC), disabled_why="410"))
    run("channels", "test", "callback")
    assert len(receiver.requests) == 1


def test_a_channel_that_does_not_exist_is_named_with_those_that_do(home):
    assert "there is no channel 'trafic'; known: callback, traffic" in run("channels", "test", "trafic", code=2)


def test_the_list_says_how_each_channel_is_doing(home):
    write(home, ChannelHealth(channel="traffic", failures=3))
    found = {one["channel"]: one for one in json.loads(run("channels", "list", "--json"))}
    assert found["traffic"]["health"] == "3 failures in a row"
    assert found["callback"] == {
        "channel": "callback", "kind": "webhook", "waiting": 0, "sent": 0, "failed": 0, "health": "ok",
    }  # fmt: skip


def notice(state, **more):
    now = datetime.now(UTC)
    values = {"channel": "callback", "topic": "paused", "dedupe_key": "k", "text": "offer 1", "created_at": now}
    return Notice(**values, due_at=now, state=state, **more)


def test_a_channel_that_is_enabled_again_repeats_what_it_missed(home):
    off = ChannelHealth(channel="callback", failures=9, disabled_at=datetime.now(UTC), disabled_why="410")
    write(home, off, notice("failed", error="switched off"))
    assert "callback is on; 1 notices are tried again" in run("channels", "enable", "callback")
    [row] = home.all(Notice)
    assert row.state == "waiting"


def test_a_mute_ends_by_itself_and_stands_in_the_audit(home):
    home.rule(pause_rule("live"))
    run("channels", "mute", "--for", "2h", "--rule", "low-cr", "--why", "known outage")
    [mute] = home.all(ChannelMute)
    assert timedelta(hours=1, minutes=59) < mute.until - datetime.now(UTC) <= timedelta(hours=2)
    assert [(one.what, one.about) for one in home.all(Audit) if one.what == "mute channel"] == [
        ("mute channel", "low-cr")
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--rule", "low-cx"), "did you mean 'low-cr'?"),
        (("--rule", ""), "rule '': not found"),
        (("--topic", "pausd"), "did you mean 'paused'?"),
        (("--topic", ""), "topic '': not found"),
        (("--channel", ""), "there is no channel ''"),
    ],
)
def test_what_nothing_is_sent_about_cannot_be_muted(home, words, said):
    """Otherwise somebody would believe that it is quiet, or all of it would be."""
    home.rule(pause_rule("live"))
    told = CliRunner().invoke(cli, ["channels", "mute", "--for", "2h", *words, "--why", "known outage"])
    assert (told.exit_code != 0, said in told.output) == (True, True), told.output
    assert home.all(ChannelMute) == []


def test_the_former_name_of_a_command_works_and_names_the_new_one(home):
    said = run("channels", "silence", "--for", "2h", "--topic", "trouble", "--why", "known outage")
    assert "`channels silence` is now called `channels mute`" in said
    assert [one.topic for one in home.all(ChannelMute)] == ["service_alert"]
    assert "silence " not in run("channels", "--help")


def test_a_length_that_cannot_be_read_is_refused(home):
    assert "--for" in run("channels", "mute", "--for", "soon", "--why", "x", code=2)


def test_the_catalogue_has_a_schema_for_each_event(home):
    found = json.loads(run("channels", "events"))
    assert found["bridge.paused"]["properties"]["data"]["required"][0] == "text"
    assert {"bridge.service_alert", "bridge.recovered", "bridge.one_time_secret", "bridge.test"} <= set(found)


def test_the_catalogue_has_the_former_names_too(home):
    found = json.loads(run("channels", "events", "--former"))
    assert {"bridge.trouble", "bridge.handover"} <= set(found)
    assert found["bridge.recovered"]["properties"]["data"]["required"] == ["text", "trouble", "since"]


def test_check_says_that_a_webhook_gets_former_names_until_its_entry_chooses(home):
    said = run("check")
    assert "channels.callback: bridge.trouble is now called bridge.service_alert" in said
    path = home.home / "bridge.yaml"
    path.write_text(path.read_text().replace('secret: "${CALLBACK}"', 'secret: "${CALLBACK}", event_names: current'))
    assert "bridge.service_alert" not in run("check")


def test_messages_are_listed_and_one_is_read_with_its_request(home):
    write(home, Notice(**EMPTY | {
        "channel": "callback", "topic": "message", "dedupe_key": "1", "text": "hello", "created_at": home.now,
        "due_at": home.now, "state": "failed", "error": "HTTP 503",
    }))  # fmt: skip
    [one] = json.loads(run("channels", "messages", "callback", "--state", "failed", "--json"))
    assert "hello" in run("channels", "messages")
    told = run("channels", "message", str(one["message"]))
    assert "error: HTTP 503" in told
    assert '"text": "hello"' in told
    assert "not found" in run("channels", "message", "4711", code=1)


def test_a_channel_is_told_of_problems_of_the_service(home):
    assert "told of problems of the service: callback" in run("channels", "service", "callback")
    assert "operations: [callback]" in (home.home / "bridge.yaml").read_text()
    assert "no channel" in run("channels", "service", "callback", "--off")
