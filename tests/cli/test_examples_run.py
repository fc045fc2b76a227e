"""Every example of every help text and every command of the docs is run in a home with the simulator.

Examples of `api` are run in tests/integr8.
"""

import itertools
import re
import shlex
import shutil
from datetime import UTC, datetime
from pathlib import Path

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
    "channels message 1207": ("message 1207: not found", 1),
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
    "channels mute --for 2h --rule offer-cr-collapse --why known outage": ("rule 'offer-cr-collapse': not found", 1),
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
    "draft.yaml": pause_rule("shadow", every="6h").replace("low-cr", "drafted"),
    "draft/low-cr.yaml": pause_rule("live", every="6h", when="cr < 2% @95%"),
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
        # Asked about four times a day: backtests of a month then ask a hundred times, and not three thousand times.
        network.rule(pause_rule("live", every="6h"), "low-cr.yaml")
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


@pytest.mark.slow
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


ROOT = Path(__file__).parents[2]
DOCS = (
    ROOT / "README.md", *sorted((ROOT / "docs" / "how-to").glob("*.md")),
    *(ROOT / "docs" / f"{name}.md" for name in ("runbook", "scaling", "tutorial")),
)  # fmt: skip
#: Commands of the docs that are not run here, by how they begin, and why.
NOT_RUN = {
    "$EDITOR": "asks a person",
    "cp my-network/var/secret.key": "needs a second disk",
    "curl": "tests/docs/test_api_examples.py runs each of them against a service",
    "docker": "needs Docker; tests/docs/test_deploy_files.py reads the files",
    "export": "sets a variable for the next command",
    "git clone": "needs the network",
    "integr8-bridge mcp": "runs until it is stopped; tests/cli/test_mcp.py",
    "integr8-bridge simulator": "runs until it is stopped; tests/simulator/test_process.py",
    "integr8-bridge up": "runs until it is stopped; tests/journeys",
    "make": "installs what it needs; .ci/run runs both",
    "pg_dump": "tests/journeys/test_restore.py restores a PostgreSQL database by these words",
    "pg_restore": "tests/journeys/test_restore.py",
    "pip install": "needs the network",
    "python -P -m tasks": "runs until it is stopped; tests/broker",
    "sudo": "needs root and systemd; tests/docs/test_deploy_files.py reads the units",
}
#: Commands about what this home does not have, or has already: the sentence that says so, and the exit code.
DOCS_REFUSED = {
    "api": ("Usage: ", 2),
    "approvals reject 12 --why 'the advertiser is repairing its pixel'": ("does not wait", 1),
    "api publishers create --from-file FILE": ("does not exist", 2),
    "channels mute --for 2h --rule offer-cr-collapse --why 'known outage'": ("rule 'offer-cr-collapse': not found", 1),
    "channels test traffic": ("traffic did not take the message", 1),
    "db restore FILE": ("does not exist", 2),
    "db restore /backup/bridge-2026-11-24": ("is in use; stop web, worker and beat first", 1),
    "events replay --state dead": ("no event is named or matches", 1),
    "events accept EVENT": ("neither quarantined nor dead", 1),
    "events results EVENT --output FILE": ("is not a row of a CSV", 1),
    "halt --advertiser 7 --why 'their tracking is down'": ("not found in account", 1),
    "reports move clickhouse": ("OBSERVATIONS_URL is not set", 1),
    "reports move database": ("OBSERVATIONS_URL is not set", 1),
    "reports repair": ("OBSERVATIONS_URL is not set", 1),
    "reports repair --yes": ("OBSERVATIONS_URL is not set", 1),
    "resume --advertiser 7": ("is not halted", 1),
    "rules diff --against origin/main": ("not a git repository", 1),
    "runs secret": ("Missing argument", 2),
    "runs undo 812 813": ("run 813: not found", 1),
    "sources test crm --send": ("does the service run?", 1),
    "sources test deals --send": ("does the service run?", 1),
    "sources test postback --send": ("does the service run?", 1),
}
CHANNELS = """
channels:
  traffic: {apprise: "${TRAFFIC_URL}"}
  callback: {webhook: http://127.0.0.1:9/, secret: "${CALLBACK_SECRET}", event_names: current}
"""
DOCS_FILES = {
    "draft/low-conversion-rate.yaml": pause_rule("live", every="6h", when="cr < 2% @95%"),
    "draft/publisher-onboarding.yaml": ONBOARDING.replace("live", "approve"),
}


def documented():
    """The commands of the docs, line by line and inside sentences, in their order."""
    for page in DOCS:
        text = page.read_text().replace("\\\n", "")
        fenced = re.findall(r"^ *```(?:console|bash)\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
        inside = re.findall(r"`(integr8-bridge [^`\n]+)`", text)
        for line in [*itertools.chain.from_iterable(block.splitlines() for block in fenced), *inside]:
            command = re.sub(r"^([A-Z_]+=\S+ )+", "", line.strip()).removeprefix(".venv/bin/")
            if command:
                yield page, command


def words_here(network, page, words):
    """The words of a command of the docs for this home."""
    home, event = str(network.home), network.events[0]
    ids = {
        "my-network": home, "low-conversion-rate": "low-cr", "RULE": "low-cr", "offer=42": "offer=1001",
        "offer=1011": "offer=1001", "EVENT": event, "01J8Z7": network.aside[0], "RUN": "1", "812": "1", "4": "1",
        "cr=0.2%..0.8%": "cr=0.2%..0.8%", "NAME": "boss2", "7": "1",
    }  # fmt: skip
    if words[:2] == ["approvals", "approve"] and "--only" in words:
        whom = {"12": "publisher=email=b@b.de", "2": "publisher=email=c@b.de"}[words[2]]
        ids |= {"12": "3", "2": "4", "offer=42": whom, "offer=1011": whom}
    elif words[0] in {"approvals", "holds", "tokens"}:
        ids |= {"12": "2", "31": "1", "3": "2"}
    elif words[0] in {"halt", "resume"}:
        ids["7"] = "7"
    if words[:2] == ["events", "discard"]:
        ids["01J8Z7"] = network.aside[1]
    if words == ["resume"]:  # what there is to end
        CliRunner().invoke(cli, ["halt", "--why", "the page says so"])
    if words[0] == "init":
        return ["init", f"{home}/new-{page.stem}"]
    words = [
        ids.get(word, word).replace("my-network/rules/low-conversion-rate", f"{home}/rules/low-cr") for word in words
    ]
    for name in {**FILES, **DOCS_FILES}.keys() & {*words} if "--out" not in words else ():
        (network.home / name).parent.mkdir(exist_ok=True)
        (network.home / name).write_text({**FILES, **DOCS_FILES}[name])
    return [word.replace("/backup/", f"{home}/").replace("bridge-2026-11-24", "bridge-today") for word in words]


@pytest.mark.slow
def test_every_command_of_the_docs_runs_or_says_why_not(used, monkeypatch):
    for name in ("DEALS_SECRET", "PARTNERS_SECRET"):  # which stand in .env, as the pages say
        monkeypatch.setenv(name, TOKEN)
    monkeypatch.setenv("TRAFFIC_URL", "json://127.0.0.1:9/")
    monkeypatch.setenv("CALLBACK_SECRET", "whsec_" + "MDEy" * 8)
    with (used.home / "bridge.yaml").open("a") as file:
        file.write(CHANNELS)
    failed, left_out, said = [], set(), set()
    for page, command in documented():
        reason = next((name for name in NOT_RUN if command.startswith(name)), None)
        if reason is not None:
            left_out.add(reason)
            continue
        line = re.split(r" > | \| ", re.sub(r"\$\([^)]*\)", "today", command))[0]
        words = shlex.split(line, comments=True)[1:]
        shown = shlex.join(words)
        said.add(shown)
        sentence, code = DOCS_REFUSED.get(shown, ("", 0))
        found = CliRunner().invoke(cli, words_here(used, page, words), input=ANSWERS.get(words[0], "y\n"))
        if found.exit_code != code or sentence not in found.output:
            failed.append(f"{page.name}: {shown}: {found.exit_code}\n{found.output[-600:]}{found.exception!r}")
    assert not failed, "\n\n".join(failed)
    assert left_out == NOT_RUN.keys()
    assert DOCS_REFUSED.keys() <= said
