"""Each command has its request, or a reason for having none: walked from the commands, held against the description."""

import click
import pytest

from bridge.cli import cli

MACHINE = "it is about the machine: its processes, its files, its database"
INTEGR8 = "it is a single operation of Integr8, with the account's key"
SHELL = "it is about the shell"
ALIKE = "it says the same in every service, and so does the reference"

#: Command → the requests that do the same, or the reason why there is none.
REQUESTS = {
    "approvals approve": ["POST /approvals/{plan_id}/approve"],
    "approvals list": ["GET /approvals"],
    "approvals reject": ["POST /approvals/{plan_id}/reject"],
    "approvals show": ["GET /approvals/{plan_id}"],
    "audit": ["GET /audit"],
    "channels add": ["POST /channels"],
    "channels again": ["POST /notices/{number}/again"],
    "mutes add": ["POST /mutes"],
    "mutes end": ["POST /mutes/end"],
    "mutes list": ["GET /mutes"],
    "reports fetch": ["POST /reports/fetch", "GET /reports/fetch"],
    "sources rotate": ["POST /sources/{name}/rotate", "POST /sources/{name}/end-old-secret"],
    "channels enable": ["POST /channels/{name}/enable"],
    "channels events": ["GET /schemas/notices"],
    "accounts forget": MACHINE,
    "accounts list": ["GET /doctor"],
    "accounts rename": MACHINE,
    "channels rename": MACHINE,
    "rules rename": MACHINE,
    "rules fmt": MACHINE,
    "mcp": "speaks a protocol of its own, over the shell's streams or HTTP",
    "sources rename": MACHINE,
    "channels list": ["GET /channels"],
    "channels message": ["GET /notices/{number}"],
    "channels messages": ["GET /notices"],
    "channels service": ["POST /channels/{name}/service-alerts"],
    "channels mute": ["POST /channel-mutes", "GET /channel-mutes"],
    "channels test": ["POST /channels/{name}/test"],
    "check": ["GET /check", "POST /rules/check"],
    "completion": SHELL,
    "db backup": MACHINE,
    "db restore": MACHINE,
    "db restored": MACHINE,
    "db upgrade": MACHINE,
    "demo": MACHINE,
    "doctor": ["GET /doctor"],
    "events accept": ["POST /events/{event_id}/accept"],
    "events discard": ["POST /events/{event_id}/discard"],
    "events list": ["GET /events"],
    "events replay": ["POST /events/{event_id}/replay", "POST /events/replay", "POST /events/replay/cancel"],
    "events results": ["GET /events/{event_id}/results"],
    "events show": ["GET /events/{event_id}"],
    "halt": ["POST /halt"],
    "halts": ["GET /halts"],
    "holds list": ["GET /holds"],
    "holds release": ["POST /holds/{hold_id}/release"],
    "init": MACHINE,
    "items list": ["GET /entities"],
    "items show": ["GET /entities/{kind}/{identity}"],
    "search": ["GET /search"],
    "reports agreement": ["GET /reports/agreement"],
    "reports export": ["POST /reports/exports", "GET /reports/exports/{export_id}"],
    "reports import": ["POST /reports/import"],
    "reports imports list": ["GET /reports/imports"],
    "reports imports remove": ["DELETE /reports/imports/{import_id}"],
    "reports move": MACHINE,
    "reports repair": MACHINE,
    "reports poll": ["POST /reports/poll"],
    "reports shadow": ["GET /reports/shadow"],
    "reports status": ["GET /feeds"],
    "resume": ["POST /resume"],
    "rules backtest": [
        "POST /rules/{rule_id}/backtests",
        "GET /backtest-jobs/{number}",
        "POST /backtest-jobs/{number}/stop",
    ],
    "rules backtests": ["GET /rules/{rule_id}/backtests"],
    "rules library": ["GET /rules/library"],
    "rules new": ["GET /rules/library"],
    "rules save": ["POST /rules", "POST /rules/past"],
    "rules costs": ["GET /rules/{rule_id}/costs"],
    "rules diff": ["POST /rules/diff"],
    "rules explain": ["GET /rules/{rule_id}/explain"],
    "rules history": ["GET /rules/{rule_id}/history"],
    "rules list": ["GET /rules"],
    "rules mode": ["POST /rules/{rule_id}/mode"],
    "rules reload": ["POST /rules/reload"],
    "rules schema": ["GET /schemas/rule"],
    "rules show": ["GET /rules/{rule_id}"],
    "rules test": ["POST /rules/{rule_id}/test", "POST /rules/check"],
    "runs list": ["GET /runs"],
    "runs secret": ["POST /effects/{effect_id}/secret"],
    "runs show": ["GET /runs/{run_id}"],
    "runs undo": ["POST /runs/{run_id}/undo", "POST /runs/undo"],
    "simulator": MACHINE,
    "sources add": MACHINE,
    "sources list": ["GET /sources"],
    "sources presets": ALIKE,
    "sources test": ["GET /sources/{name}/sample", "POST /sources/{name}/test"],
    "sources url": ["GET /sources/{name}/url"],
    "tokens create": ["POST /tokens"],
    "tokens list": ["GET /tokens"],
    "tokens revoke": ["DELETE /tokens/{token_id}"],
    "up": MACHINE,
    "users add": ["POST /users"],
    "users disable": ["PATCH /users/{user_id}"],
    "users enable": ["PATCH /users/{user_id}"],
    "users list": ["GET /users"],
    "users password": ["POST /users/{user_id}/password"],
    "users role": ["PATCH /users/{user_id}"],
}
#: Options of listings → the parameter of the same meaning, where it has another name.
NAMES = {"event_type": "type", "wanted": "outcome", "everything": "state"}
#: Options that ask for another list, which has a request of its own.
OTHER_LISTS = {"changes": "GET /changes"}
LISTINGS = ("events list", "runs list", "holds list", "audit")


def commands(command, context, path=()):
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), context, (*path, name))
    else:
        yield " ".join(path), command


TREE = dict(commands(cli, click.Context(cli)))
OURS = [name for name in TREE if not name.startswith("api ")]


@pytest.fixture
def described(app):
    paths = app.test_client().get("/api/v1/openapi.json").get_json()["paths"]
    return {
        f"{verb.upper()} {path.removeprefix('/api/v1')}": operation
        for path, verbs in paths.items()
        for verb, operation in verbs.items()
    }


def test_every_command_has_its_request_or_a_reason():
    assert sorted(OURS) == sorted(REQUESTS)


def test_every_such_request_is_in_the_description(described):
    named = {request for found in REQUESTS.values() if isinstance(found, list) for request in found}
    assert named - described.keys() == set()


@pytest.mark.parametrize("name", LISTINGS)
def test_a_listing_is_narrowed_down_as_on_the_command_line(described, name):
    [request] = REQUESTS[name]
    taken = {one["name"] for one in described[request]["parameters"]}
    options = {one.name for one in TREE[name].params if isinstance(one, click.Option)} - {"json", "help"}
    assert {OTHER_LISTS[one] for one in options & OTHER_LISTS.keys()} <= described.keys()
    options -= OTHER_LISTS.keys()
    assert {NAMES.get(one, one) for one in options} - taken == set()
