"""`sources test NAME` against a listening webhook endpoint: what it prints works, and --send reports the answer."""

import json
import shlex
import subprocess
import threading
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from network import YAML, Network
from werkzeug.serving import WSGIRequestHandler, make_server

from bridge.cli import cli
from bridge.store.journal import Event

HOME = (
    YAML.partition("sources:")[0]
    + """
sources:
  crm: {verify: bearer, token: "${CRM_TOKEN}", event_type: type, delivery_id: id}
  signed: {verify: standard-webhooks, secret: "${SIGNED}", event_type: type}
  github: {verify: github, secret: "${LONG}"}
  stripe: {verify: stripe, secret: "${LONG}"}
  shopify: {verify: shopify, secret: "${LONG}"}
  slack: {verify: slack, secret: "${LONG}"}
  postback: {verify: token, token: "${POSTBACK_TOKEN}", format: integr8-postback}
  many: {verify: basic, username: crm, password: "${LONG}", format: csv, expects: {email: email}}
"""
)


class Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None: ...


@pytest.fixture
def network(tmp_path, sqlite_url, monkeypatch):
    monkeypatch.setenv("SIGNED", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    monkeypatch.setenv("LONG", "a-long-enough-secret")
    made = Network(tmp_path / "net", sqlite_url, datetime.now(UTC), monkeypatch, yaml=HOME)
    monkeypatch.setenv("BRIDGE_HOME", str(made.home))
    yield made
    made.close()


@pytest.fixture
def webhooks(network):
    """The network's webhook endpoint on a free port of loopback; yields its address."""
    server = make_server("127.0.0.1", 0, network.webhooks.application, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def run(*arguments, code=0):
    found = CliRunner().invoke(cli, list(arguments))
    assert found.exit_code == code, found.output
    return found.output


@pytest.mark.parametrize("source", ["crm", "signed", "github", "stripe", "shopify", "slack", "postback", "many"])
def test_a_sample_that_is_sent_is_journalled(network, webhooks, source):
    found = json.loads(run("sources", "test", source, "--base-url", webhooks, "--send", "--json"))
    assert found["status"] == "202", found
    [event] = network.all(Event)
    assert event.source == source


def test_the_printed_command_does_the_same(network, webhooks):
    words = shlex.split(run("sources", "test", "signed", "--base-url", webhooks))
    assert words[0] == "curl"
    answer = subprocess.run(words, capture_output=True, text=True, check=True, timeout=600)
    assert json.loads(answer.stdout)["duplicate"] is False


def test_a_sample_that_is_refused_ends_with_1(network, webhooks, monkeypatch):
    monkeypatch.setenv("LONG", "another-long-secret")
    assert "Authentication failed" in run("sources", "test", "github", "--base-url", webhooks, "--send", code=1)


def test_a_service_that_does_not_run_is_a_failure_with_a_hint(network, webhooks):
    closed = "http://127.0.0.1:9"
    assert "does the service run?" in run("sources", "test", "crm", "--base-url", closed, "--send", code=1)


def test_a_source_that_does_not_exist_is_named_with_those_that_do(network, webhooks):
    assert "not found; sources are: crm, github" in run("sources", "test", "crmm", code=1)


TOKENS = """
accounts: {}
sources:
  grid: {verify: event-grid, tokens: ["${LONG}", "${CRM_TOKEN}"]}
  query: {verify: token, token: "${LONG}", in: [query], parameter: key}
  partners: {verify: token, token: "${LONG}", format: postback, dialect: everflow}
  discord: {verify: discord, public_key: "${DISCORD_KEY}"}
"""


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["grid"], "https://b.example/hooks/grid/a-long-enough-secret\n"),
        (["query"], "https://b.example/hooks/query?key=a-long-enough-secret\n"),
        (
            ["partners", "--for", "everflow"],
            "/hooks/partners/a-long-enough-secret?type=conversion&transaction_id={tran",
        ),
        (["discord"], "https://b.example/hooks/discord\n"),
    ],
)
def test_an_address_has_the_token_where_its_source_looks_for_it(network, monkeypatch, arguments, printed):
    monkeypatch.setenv("DISCORD_KEY", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    (network.home / "bridge.yaml").write_text(TOKENS)
    assert printed in run("sources", "url", *arguments, "--base-url", "https://b.example")


def test_a_tracker_that_a_source_does_not_read_is_refused_with_the_setting(network):
    assert "dialect: affise" in run("sources", "url", "postback", "--for", "affise", code=1)


def test_a_source_whose_sender_alone_can_sign_says_so(network, monkeypatch):
    monkeypatch.setenv("DISCORD_KEY", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    (network.home / "bridge.yaml").write_text(TOKENS)
    assert "let it send a test event" in run("sources", "test", "discord", code=1)
