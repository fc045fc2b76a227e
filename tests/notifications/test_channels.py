"""What a `channels:` entry may say."""

import pickle

import pytest

from bridge.outbound.notices import ChannelSettingsError, channel

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def problems(**config):
    with pytest.raises(ChannelSettingsError) as caught:
        channel("traffic", config)
    return str(pickle.loads(pickle.dumps(caught.value)))


def test_a_channel_for_people_and_one_for_programs():
    assert channel("a", {"apprise": "json://localhost/x"}).kind == "apprise"
    assert channel("b", {"webhook": "https://crm.example.com/in?x=1", "secret": SECRET}).kind == "webhook"


def test_a_typo_is_told_with_what_was_meant():
    assert "channels.traffic.aprise: unknown key; did you mean 'apprise'?" in problems(aprise="x")


def test_both_ways_at_once_are_refused():
    assert "either apprise" in problems(apprise="json://localhost", webhook="https://x.example", secret=SECRET)


def test_a_webhook_without_a_secret_is_refused():
    assert "channels.traffic.secret: webhook needs a secret" in problems(webhook="https://x.example")


def test_an_address_that_apprise_does_not_know_is_not_repeated():
    text = problems(apprise="nonsense://user:hunter2@host")
    assert "not an address that Apprise knows" in text
    assert "hunter2" not in text


def test_a_channel_does_not_show_its_secrets():
    made = channel("b", {"webhook": "https://crm.example.com/in?token=hunter2", "secret": SECRET})
    assert "hunter2" not in repr(made)
    assert SECRET not in repr(made)
