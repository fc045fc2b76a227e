"""Every example of every help text is run in a home with the simulator. `api` is run in tests/integr8."""

import shlex
import shutil
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from help_examples import examples
from local_server import served
from network import ONBOARDING, TOKEN, YAML, Network
from rule_texts import pause_rule

from bridge.cli import cli
from bridge.simulator.app import create_app

#: Why these are not run here, and where they are.
ELSEWHERE = {
    "api": "tests/integr8/test_api_commands.py runs each of them",
    "up": "runs until it is stopped; tests/journeys",
    "demo": "brings its own home; tests/journeys/test_demo.py",
    "simulator": "runs until it is stopped; tests/simulator/test_process.py",
    "mcp": "runs until it is stopped; tests/cli/test_mcp.py",
}
#: Examples about what this home does not have: the sentence that says so, and the exit code.
REFUSED = {
    "accounts forget old-network": ("account old-network: nothing refers to it", 1),
    "accounts rename main europe": ("account europe: not found; configured: main", 1),
    "accounts rename main/default main/web": ("integration main/web: not found", 1),
    "channels again 1207": ("message 1207: not found", 1),
    "channels rename old-name new-name": ("channel new-name: not found", 1),
    "events replay --state dead --per-minute 60": ("no event is named or matches", 1),
    "halt --advertiser 7 --why their tracking is down": ("not found in account", 1),
    "reports move clickhouse": ("OBSERVATIONS_URL is not set", 1),
    "reports move database": ("OBSERVATIONS_URL is not set", 1),
    "reports repair": ("OBSERVATIONS_URL is not set", 1),
    "reports repair --yes": ("OBSERVATIONS_URL is not set", 1),
    "resume --drop-waiting": ("nothing is halted", 1),
    "resume --rule low-cr": ("rule low-cr is not halted", 1),
    "rules diff --against origin/main": ("not a git repository", 1),
    "rules history low-cr --revision 3f9a85": ("revision 3f9a85: not found", 1),
    "rules rename old-name new-name": ("rule new-name: not found", 1),
    "runs undo 812 813": ("run 813: not found", 1),
    "sources rename old-name new-name": ("source new-name: not found", 1),
    "sources add crm --preset hubspot": ("source 'crm': is already in bridge.yaml", 1),
    "channels test traffic": ("traffic did not take the message", 1),
    "db restore /backup/bridge-2026-11-24.db": ("is in use; stop web, worker and beat first", 1),
    "events results 01J8Z...": ("is not a row of a CSV", 1),
    "events results 01J8Z... --output publishers.result.csv": ("is not a row of a CSV", 1),
    "mutes end offer=42 --rule low-cr": ("has no mute", 1),
    "runs secret 2": ("effect 2: generated no secret", 1),
    "sources test crm --send": ("does the service run?", 1),
}
FILES = {
    "october.csv": "transaction_id,request_time,conversion_time,offer_id,payout\n"
    "t1,2026-10-02 10:00:00,2026-10-02 10:00:00,1001,1.50\n",
    "fixed.json": '{"type": "conversion", "transaction_id": "t9", "payout": "1"}',
    "draft.yaml": pause_rule("shadow").replace("low-cr", "drafted"),
    "draft/low-cr.yaml": pause_rule("live", when="cr < 2% @95%"),
}
ANSWERS = {"users": "a long pass phrase\na long pass phrase\n", "channels add": "json://127.0.0.1:9/\n"}


class RunningNetwork(Network):
    """Commands read the real clock, so the simulator does, too."""

    now = property(lambda _self: datetime.now(UTC), lambda _self, _given: None)


@pytest.fixture
def used(monkeypatch, tmp_path, redis_url, sqlite_url):
    """A network in which a rule holds two offers and another one asks twice."""
    network = RunningNetwork(tmp_path / "home", sqlite_url, None, monkeypatch)
    monkeypatch.chdir(network.home)
    for name, value in {"BRIDGE_HOME": str(network.home), "PARTNERS_TOKEN": TOKEN, "REDIS_URL": redis_url}.items():
        monkeypatch.setenv(name, value)
    with served(create_app(network.world)) as address:
        (network.home / "bridge.yaml").write_text(YAML.replace("http://integr8.test", address))
        for name in ("Bad", "Worse"):
            network.world.offer(name, clicks=1000, conversions=1, active=True)
        network.world.offer("Good", clicks=1000, conversions=50, active=True)
        network.rule(pause_rule("live"), "low-cr.yaml")
        network.work()
        network.rule(ONBOARDING.replace("live", "approve"), "onboarding.yaml")
        network.events = [network.crm({"id": one, "email": f"{one}@b.de"}).get_json()["event_id"] for one in "abc"]
        network.aside = [network.postback(type="conversion", payout=one).get_json()["event_id"] for one in "12"]
        network.work()
        yield network
    network.close()


def made_real(network, command, words):
    """The words of an example with ids that this home has, and files where it names some."""
    event = {"events accept": network.aside[0], "events discard": network.aside[1]}.get(command, network.events[0])
    ids = {"offer=42": "offer=1001", "01J8Z...": event, "812": "1"} | {
        "approvals approve": {"12": "2", "offer=42": "publisher=email=a@b.de"},
        "approvals show": {"12": "4"},
        "approvals reject": {"12": "3"},
        "holds release": {"3": "1", "4": "2"},
        "tokens revoke": {"3": "1"},
        "reports imports remove": {"7": "1"},
    }.get(command, {})
    words = [ids.get(word, word).replace("/backup/", f"{network.home}/") for word in words]
    for name in FILES.keys() & {*words} if "--out" not in words else ():
        (network.home / name).parent.mkdir(exist_ok=True)
        (network.home / name).write_text(FILES[name])
    if command == "db restore":
        shutil.copy(next(network.home.glob("bridge-*.db")), words[-1])
    return words


def test_every_example_runs_or_says_why_not(used):
    failed, seen = [], set()
    for path, words in examples():
        shown = shlex.join(words).replace("'", "")
        if words[0] in ELSEWHERE or shown in seen:
            continue
        seen.add(shown)
        command = " ".join(path) or words[0]
        answer = next((one for name, one in ANSWERS.items() if shown.startswith(name)), "y\n")
        found = CliRunner().invoke(cli, made_real(used, command, words), input=answer)
        sentence, code = REFUSED.get(shown, ("", 0))
        if found.exit_code != code or sentence not in found.output:
            failed.append(f"{shown}: {found.exit_code}\n{found.output[-600:]}{found.exception!r}")
    assert not failed, "\n\n".join(failed)
    assert set(REFUSED) <= seen
