"""A filter by a word that does not exist is refused, with the nearest word that does."""

import shlex

import pytest
from api_client import api_of
from click.testing import CliRunner
from rule_texts import pause_rule

from bridge.cli import cli
from bridge.store import audit_log
from bridge.store.roles import Role
from bridge.web.access import make

WRONG = {
    "/events?state=quarantine": ("state", "did you mean 'quarantined'?"),
    "/events?source=crmm": ("source", "did you mean 'crm'?"),
    "/runs?outcome=sucess": ("outcome", "is none of"),
    "/runs?outcome=waitin": ("outcome", "did you mean 'waiting'?"),
    "/runs?rule=low-crr": ("rule", "did you mean 'low-cr'?"),
    "/holds?state=activ": ("state", "did you mean 'active'?"),
    "/effects?state=aplied": ("state", "did you mean 'applied'?"),
    "/entities?kind=ofer": ("kind", "did you mean 'offer'?"),
    "/runs?limit=many": ("limit", "Not a valid integer"),
    "/runs?color=red": ("color", "Unknown field"),
    "/runs?after=yesterday": ("after", "is no id of a row"),
}
#: A word that nearly exists, for every filter of every list.
MISSPELT = {
    "account": "mian", "channel": "trafic", "integration": "defualt", "cause": "persn", "kind": "ofer",
    "outcome": "waitin", "rule": "low-crr", "source": "crmm", "state": "activ", "target": "ofer=42",
    "type": "deal.sined", "what": "failed sign in", "who": "ana",
}  # fmt: skip
#: What may be anything: ids, parts of texts, times and numbers, which are checked as such.
ANYTHING = {
    "after",
    "at",
    "event",
    "every",
    "from",
    "integr8",
    "limit",
    "live",
    "q",
    "ref",
    "seconds",
    "since",
    "to",
}
#: The same filters of the command line.
COMMANDS = (
    "runs list --rule low-crr", "runs list --outcome waitin", "runs list --target ofer=42", "runs list --account mian",
    "events list --source crmm", "events list --type deal.sined", "holds list --rule low-crr", "audit --who ana",
    "holds list --target ofer=42", "holds list --account mian", "audit --what 'failed sign in'",
    "reports shadow --rule low-crr", "reports shadow --account mian",
)  # fmt: skip


@pytest.fixture
def ask(network):
    network.rule(pause_rule("shadow"))
    network.crm({"id": "1", "type": "deal.signed"})
    with network.services.store.write() as session:
        audit_log.note(session, who="anna", what="failed sign-in", about="anna", now=network.now)
        token = make(session, name="t", role=Role.VIEWER, who="test", now=network.now)
    client = api_of(network.services).test_client()
    return lambda path: client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})


def test_the_refusal_says_in_its_detail_what_is_wrong(ask):
    for path, (name, words) in WRONG.items():
        answer = ask(path)
        assert answer.status_code == 422, path
        assert answer.get_json()["detail"].startswith(f"{name}: "), path
        assert words in answer.get_json()["detail"], path


def test_words_that_exist_are_answered(ask, network):
    network.crm({"id": "1"})
    for path in ("/events?state=received", "/events?source=crm", "/runs?outcome=ready", "/holds?state=all"):
        assert ask(path).status_code == 200, path


def test_no_list_takes_a_word_that_nearly_exists(ask):
    paths = ask("/openapi.json").get_json()["paths"]
    asked, failed = set(), []
    for path, verbs in paths.items():
        if "{" in path or "get" not in verbs:
            continue
        for one in verbs["get"].get("parameters", ()):
            if one["in"] != "query" or one["name"] in ANYTHING:
                continue
            asked.add(one["name"])
            answer = ask(f"{path.removeprefix('/api/v1')}?{one['name']}={MISSPELT[one['name']]}")
            if answer.status_code != 422 or not answer.get_json()["detail"].startswith(f"{one['name']}: "):
                failed.append((path, one["name"], answer.status_code, answer.get_json()))
    assert not failed
    assert asked == MISSPELT.keys()


def test_no_command_takes_a_word_that_nearly_exists(ask, network):
    for command in COMMANDS:
        found = CliRunner().invoke(cli, shlex.split(command), env={"BRIDGE_HOME": str(network.home)})
        assert found.exit_code == 1, command
        assert "did you mean" in found.output, command
