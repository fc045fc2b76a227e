"""`sources add NAME --preset SENDER`: one entry more, everything else as it was."""

import json
import shutil
from importlib.resources import as_file, files

import pytest
from click.testing import CliRunner

from bridge.cli import cli
from bridge.config import yaml_file
from bridge.sources import build
from bridge.sources.presets import PRESETS
from bridge.sources.trackers import TRACKERS
from tests.sources.test_presets import P256


@pytest.fixture
def home(tmp_path, monkeypatch):
    with as_file(files("bridge.config") / "starter") as starter:
        shutil.copytree(starter, tmp_path / "home")
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(*arguments, code=0):
    found = CliRunner().invoke(cli, ["sources", *arguments])
    assert found.exit_code == code, found.output
    return found.output


def test_an_entry_is_added_and_comments_stay(home):
    before = (home / "bridge.yaml").read_text()
    told = run("add", "hub", "--preset", "hubspot", "--base-url", "https://bridge.example.com")
    after = (home / "bridge.yaml").read_text()
    assert 'hub: {verify: hubspot, secret: "${HUB_SECRET}"}' in after
    assert [line for line in before.splitlines() if line not in after.splitlines()] == []
    assert "HUB_SECRET=..." in told
    assert "https://bridge.example.com/hooks/hub" in told
    assert "public_url: https://bridge.example.com" in told
    assert "public_url" not in run("add", "shop", "--preset", "shopify")


@pytest.mark.parametrize("preset", [*PRESETS, *TRACKERS, "integr8"])
def test_what_is_written_makes_a_source(home, preset):
    told = json.loads(run("add", "them", "--preset", preset, "--json"))
    entry = yaml_file.read(home / "bridge.yaml")["sources"]["them"]
    filled = {key: P256 if "${" in str(value) else value
              for key, value in entry.items()}  # fmt: skip
    if preset in {"adyen", "close"}:
        filled["secret"] = "0a" * 16
    assert build("them", filled, public_url="https://bridge.example.com")
    assert set(told["variables"]) == {value.strip("${}") for value in entry.values() if "${" in value}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "sources:\n  x:"),
        ("sources: {}\nchannels: {}\n", "sources:\n  x:"),
        ("sources:\n    a: {verify: none}\n\n# end\nchannels: {}\n", "    a: {verify: none}\n    x:"),
        ("accounts: {}", "accounts: {}\n\nsources:\n  x:"),
    ],
)
def test_every_shape_of_the_section_is_understood(home, text, wanted):
    (home / "bridge.yaml").write_text(text)
    run("add", "x", "--preset", "github")
    assert wanted in (home / "bridge.yaml").read_text()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("crm", "sources: {crm: {verify: none}}", "is already in bridge.yaml"),
        ("x", "sources: {crm: {verify: none}}", "put each source on a line of its own"),
        ("X y", "", "is not a name of a source"),
        ("x", "sources: [", "cannot be read"),
    ],
)
def test_what_cannot_be_added_changes_nothing(home, name, text, words):
    (home / "bridge.yaml").write_text(text)
    assert words in run("add", name, "--preset", "github", code=1)
    assert (home / "bridge.yaml").read_text() == text
    assert [path.name for path in home.iterdir() if path.name.startswith(".bridge")] == []


def test_all_senders_are_listed(home):
    names = {row["name"] for row in json.loads(run("presets", "--json"))}
    assert names == {*PRESETS, *TRACKERS}


def warnings_of(home):
    found = CliRunner().invoke(cli, ["check", str(home), "--json"])
    return json.loads(found.output)["warnings"]


def test_a_signed_address_needs_public_url_once(home, monkeypatch):
    monkeypatch.setenv("HUB_SECRET", "a-long-enough-secret")
    text = 'sources:\n  hub: {verify: hubspot, secret: "${HUB_SECRET}"}\n'
    (home / "bridge.yaml").write_text(text)
    shutil.rmtree(home / "rules")
    assert any("set public_url" in line for line in warnings_of(home))
    (home / "bridge.yaml").write_text("public_url: https://bridge.example.com\n" + text)
    assert not any("set public_url" in line for line in warnings_of(home))


@pytest.mark.parametrize(("split", "warned"), [("", True), (", split: never", False)])
def test_a_rule_from_before_lists_were_split_is_told(home, monkeypatch, split, warned):
    monkeypatch.setenv("CRM_TOKEN", "a-long-enough-token")
    for name in ("INTEGR8_BASE_URL", "INTEGR8_API_KEY", "INTEGR8_INTEGRATION_ID", "CRM_SECRET", "POSTBACK_TOKEN"):
        monkeypatch.setenv(name, "https://integr8.example")
    starter = (home / "bridge.yaml").read_text()
    entry = f'sources:\n  list: {{verify: bearer, token: "${{CRM_TOKEN}}"{split}}}\n'
    (home / "bridge.yaml").write_text(starter.replace("sources:\n", entry))
    shutil.rmtree(home / "rules")
    (home / "rules").mkdir()
    (home / "rules" / "one.yaml").write_text(
        "schema: 1\nid: one\ntrigger: {webhook: {source: list}}\nwhen:\n  all: ['body.items[0].email matches \"@\"']\n"
        "then:\n  - ensure: publisher\n    key: {email: '{{ body.items[0].email }}'}\n    with: {name: Ann}\n"
    )
    assert any("split: never" in line for line in warnings_of(home)) is warned


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "x", "--preset", "linkdin"], "that --help lists; did you mean 'linkedin'?"),
        (["url", "x", "--for", "evreflow"], "'singular'; did you mean 'everflow'?"),
    ],
)
def test_a_misspelt_sender_is_answered_with_the_nearest_one(home, arguments, said):
    assert said in run(*arguments, code=2)
