"""`sources test`: a sample that the source itself accepts, whatever proof and format it has."""

import shlex
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from bridge.sources import Headers, Incoming, build
from bridge.sources.presets import PRESETS
from bridge.sources.samples import NoSample, sample
from bridge.sources.trackers import TRACKERS
from tests.sources.signed_requests import NOW, WAYS, source
from tests.sources.test_presets import P256, entry


def as_sent(made):
    parts = urlsplit(made.url)
    steps = parts.path.split("/")
    return Incoming(
        method="GET" if made.body is None else "POST",
        path_token=unquote(steps[3]) if len(steps) > 3 else None,
        headers=Headers(made.headers),
        query=tuple(parse_qsl(parts.query)),
        target=parts.path + (f"?{parts.query}" if parts.query else ""),
        body=(made.body or "").encode(),
    )


def taken(config):
    made, asked = source(config), as_sent(sample("http://127.0.0.1:8000", "crm", config, now=NOW))
    return made.accept(asked, made.authenticate(asked, NOW))[0].parsed


@pytest.mark.parametrize("way", WAYS)
def test_every_proof_can_be_tried_out(way):
    reading = taken(WAYS[way])
    assert reading.body["type"] == "test"
    assert reading.quarantine is None


@pytest.mark.parametrize("name", TRACKERS)
def test_a_tracker_s_sample_has_its_own_address_and_no_macro_in_it(name):
    reading = taken({"verify": "none", "format": "postback", "dialect": name})
    assert (reading.event_type, reading.quarantine, reading.faults) == ("test", None, ())
    assert reading.body["transaction_id"].startswith("TEST")


@pytest.mark.parametrize("name", PRESETS)
def test_every_known_sender_can_be_tried_out_or_says_why_not(name):
    secret = P256 if PRESETS[name].key == "public_key" else "0a" * 16
    config, url = entry(name, secret), "https://bridge.example.com"
    try:
        made = sample("http://127.0.0.1:8000", "crm", config, now=NOW, public_url=url)
    except NoSample as why:
        assert "send a test event" in str(why)  # noqa: PT017 - one of two ends
        return
    them, asked = build("crm", config, public_url=url), as_sent(made)
    assert them.accept(asked, them.authenticate(asked, NOW))[0].parsed.event_type == "test"
    assert " " not in "".join(made.headers)


@pytest.mark.parametrize("form", ["json", "form", "query", "csv", "integr8-postback"])
def test_every_format_can_be_tried_out(form):
    assert taken({**WAYS["token"], "format": form}).body


def test_the_sample_keeps_the_source_s_promises():
    expects = {"deal.email": "email", "deal.kind": ["publisher", "advertiser"], "value": "decimal?"}
    reading = taken(
        {**WAYS["standard-webhooks"], "expects": expects, "map": {"deal.email": "mail"}, "event_type": "kind"}
    )
    assert reading.body["deal"] == {"kind": "publisher", "email": "test@example.com"}
    assert reading.event_type == "test"


def test_the_command_line_survives_a_shell():
    config = {"verify": "bearer", "token": 'it\'s a "token"; rm -rf $HOME'}
    words = shlex.split(sample("http://127.0.0.1:8000", "crm", config, now=NOW).curl)
    assert f"authorization: Bearer {config['token']}" in words


def test_settings_that_do_not_hold_together_are_told():
    with pytest.raises(NoSample, match=r"sources\.crm\.verify: is missing"):
        sample("http://127.0.0.1:8000", "crm", {})
