"""Each verb on each kind of target in the running service: asked by a webhook, done in Integr8, shown, taken back."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from network import YAML
from whole_way import story

from bridge.operations import notify, undo
from bridge.operations.reveal_secret import reveal_secret
from bridge.store.holds import Hold
from tests.receiver import Receiver

pytestmark = pytest.mark.network
TRACKER = "rejection_url: http://integr8.test/"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SWITCHABLE = ("offer", "publisher", "advertiser", "offer_event", "landing_page")
RULE = """
schema: 1
id: {name}
mode: live
trigger: {{webhook: {{source: crm, event: {name}}}}}
{more}
then:
{steps}
tests:
  - {{given: {{body: {{one: x1, offer: o1, go: true}}}}, expect: yes}}
"""
ONE = '"{{ body.one }}"'


@dataclass(frozen=True)
class Case:
    """Steps about an item of a kind that is made with `before`; how it is afterwards, and after the undo."""

    kind: str
    steps: str
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    undone: dict[str, Any] | None = None  # None: as before
    archived: bool = False


def _switching(kind: str) -> dict[str, Case]:
    return {
        f"pause-{kind}": Case(
            kind, f"  - {{pause: {kind}, which: {ONE}, hold: 1h}}", {"active": True}, {"active": False}
        ),
        f"activate-{kind}": Case(kind, f"  - {{activate: {kind}, which: {ONE}}}", {"active": False}, {"active": True}),
        f"archive-{kind}": Case(kind, f"  - {{archive: {kind}, which: {ONE}}}", archived=True),
    }


def _update(kind: str, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Case]:
    step = f"  - {{update: {kind}, which: {ONE}, with: {json.dumps(after)}}}"
    return {f"update-{kind}": Case(kind, step, before, after)}


CASES = {
    **{name: case for kind in SWITCHABLE for name, case in _switching(kind).items()},
    "archive-user": Case("user", f"  - {{archive: user, which: {ONE}}}", archived=True),
    **_update("offer", {"description": "old"}, {"description": "new", "default_payout": {"payout": 1.5}}),
    **_update("publisher", {"city": "Ulm"}, {"city": "Bonn"}),
    **_update("advertiser", {"description": "old"}, {"description": "new"}),
    **_update("user", {"first_name": "Ann"}, {"first_name": "Bob", "is_publisher_manager": True}),
    **_update("offer_event", {"description": "old", "payout": 1}, {"description": "new", "payout": 2.5}),
    **_update("landing_page", {"redirect_url": "https://a.example/"}, {"redirect_url": "https://b.example/"}),
    "call": Case(
        "offer", f"  - {{call: offers.set_status, with: {{data: [{ONE}], active: false}}}}", {"active": True},
        {"active": False}, {"active": False},
    ),
    "call-path": Case(
        "publisher", f"  - {{call: publishers.update, with: {{publisherID: {ONE}, name: Called}}}}", {"name": "Old"},
        {"name": "Called"}, {"name": "Called"},
    ),
}  # fmt: skip
#: What `ensure` makes: kind → key, fields, and what its undo leaves.
MADE = {
    "offer": ("name: Made", "advertiser_id: 11, active: true"),
    "publisher": ("email: made@x.example", "name: Made, active: true"),
    "advertiser": ("email: made@x.example", "name: Made"),
    "user": ("email: made@x.example", "role: accountManager, password: generate"),
    "offer_event": ('name: Made, offer: "{{ body.offer }}"', "payout: 2.50"),
    "landing_page": ('name: Made, offer: "{{ body.offer }}"', 'redirect_url: "https://x.example/"'),
}
STEPS = {
    **{name: case.steps for name, case in CASES.items()},
    **{
        f"ensure-{kind}": f"  - {{ensure: {kind}, key: {{{key}}}, with: {{{more}}}}}"
        for kind, (key, more) in MADE.items()
    },
    "reject": '  - {reject: conversion, which: "{{ body.transaction }}", with: {reason: fraud}}',
    "password": f"  - {{update: user, which: {ONE}, with: {{password: generate}}}}",
    "many": '  - {pause: offer, which: "{{ body.all }}", hold: until midnight}',
    "chain": """
  - {id: owner, ensure: advertiser, key: {email: chain@x.example}, with: {name: Chain}}
  - id: shop
    ensure: offer
    key: {name: Chain}
    with: {advertiser_id: "{{ body.owner }}", description: "{{ owner.id }}"}
  - id: page
    call: landing_pages.create
    with: {offerID: "{{ shop.id }}", name: Summer, redirect_url: "https://x.example/"}
  - notify: [people, programs]
    with: {text: {people: "{{ page.id }}", programs: "{{ shop.id }}"}, severity: warning}
""",
    "request": """
  - http:
      url: "ADDRESS/in/{{ body.one }}"
      method: PUT
      headers: {X-Team: traffic}
      query: {who: "{{ body.company }}"}
      body: {one: "{{ body.one }}", amount: "{{ body.amount }}"}
""",
    "held-back": '  - {pause: offer, which: "{{ body.all }}"}',
}
MORE = {"held-back": "guards: {at_most: {targets: 1}, if_over: stop}"}
ENDINGS = ("undo", "keep", "ask")  # of `on_failure`


def broken_off(on_failure: str) -> str:
    """A publisher, a login that Integr8 refuses, and a request that waits for the login."""
    return f"""
schema: 1
id: fails-{on_failure}
mode: live
trigger: {{webhook: {{source: crm, event: fails-{on_failure}}}}}
then:
  - {{id: pub, ensure: publisher, key: {{email: "{on_failure}@x.example"}}, with: {{name: {on_failure}}}}}
  - id: login
    ensure: user
    key: {{email: "taken@x.example"}}
    with: {{role: nobody, first_name: "{{{{ pub.id }}}}"}}
  - {{notify: people, with: {{text: "{{{{ login.id }}}}"}}}}
on_failure: {on_failure}
"""


class Lived:
    """The network after its story."""

    def __init__(self, told, receiver):
        self.told, self.receiver = told, receiver
        self.things, self.seen, self.undone = {}, {}, {}

    def open_channels(self):
        self.told.network.services.settings.channels.update(
            {
                "people": {"apprise": f"json://127.0.0.1:{self.receiver.port}/people"},
                "programs": {"webhook": f"{self.receiver.url}/programs", "secret": SECRET},
            }
        )

    def view(self, name):
        thing = self.things[name]
        return {**thing.fields, "archived": thing.archived}

    def made(self, resource, **fields):
        living = self.told.network.world.directory.repositories[resource].living()
        return [one for one in living if all(one.fields.get(key) == value for key, value in fields.items())]


def _thing(world, name, kind, before):
    owner = next(iter(world.directory.advertisers.living()))
    offer = world.offer(f"of {name}", active=True, advertiser=owner)
    fields = {"name": f"X {name}", **before}
    match kind:
        case "offer":
            return offer, world.offer(advertiser=owner, **fields)
        case "user":
            needed = {"email": f"{name}@x.example", "role": "accountManager", "first_name": "Ann"}
            return offer, world.directory.create("users", needed | before)
        case "offer_event":
            return offer, world.directory.create("offer_events", fields, offer=offer.key)
        case "landing_page":
            page = {"redirect_url": "https://a.example/"} | fields
            return offer, world.directory.create("landing_pages", page, offer=offer.key)
        case _:
            return offer, getattr(world, kind)(**fields)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def lived(request, tmp_path_factory, new_database):
    receiver = Receiver()
    yaml = YAML.replace("details: 0", "details: 3600").replace("    poll:", f"    {TRACKER}\n    poll:")
    allowed = f'{{url: "{receiver.url}", headers: {{authorization: sesame}}}}'
    yaml += f"http: {{allow: [{allowed}], allow_private: [127.0.0.0/8]}}\n"
    try:
        with story(tmp_path_factory.mktemp("verbs"), new_database(request.param), NOW, yaml=yaml) as told:
            found = Lived(told, receiver)
            _live(found)
            yield found
    finally:
        receiver.close()


def _live(found):
    told, network = found.told, found.told.network
    world = network.world
    found.open_channels()
    world.advertiser("A")
    bodies = {}
    for name in STEPS:
        case = CASES.get(name, Case("user" if name == "password" else "offer", ""))
        offer, found.things[name] = _thing(world, name, case.kind, case.before)
        bodies[name] = {"one": found.things[name].key, "offer": offer.key}
    converted = world.offer("Converted", clicks=20, conversions=2, active=True)
    numbers = [str(world.offer(f"Many {letter}", active=True).number) for letter in "ABC"]
    bodies["reject"]["transaction"] = world.conversions.rows[0].transaction_id
    bodies["many"]["all"] = bodies["held-back"]["all"] = numbers
    bodies["chain"]["owner"] = converted.fields["advertiser_id"]
    bodies["request"] |= {"one": "a/b c", "company": "Ann & Co", "amount": 12345678901234567890}
    rules = network.home / "rules"
    for name, steps in STEPS.items():
        text = RULE.format(name=name, steps=steps.replace("ADDRESS", found.receiver.url), more=MORE.get(name, ""))
        (rules / f"{name}.yaml").write_text(text)
    for ending in ENDINGS:
        bodies[f"fails-{ending}"] = {}
        network.rule(broken_off(ending), f"fails-{ending}.yaml")
    told.work()
    for name, body in bodies.items():
        assert network.crm({"id": name, "type": name, "go": True} | body).status_code == 202
    told.work()
    told.work(seconds=30)
    with told.lived():
        while notify.deliver_notices(network.services, network.now, dice=lambda: 0.5):
            pass
    found.seen = {name: found.view(name) for name in STEPS}
    network.begin_anew()
    found.open_channels()
    for name in (*CASES, *(f"ensure-{kind}" for kind in MADE)):
        with told.lived():
            undo.undo(network.services, told.runs(name)[0].id, who="ann", now=network.now)
    told.work()
    told.work(seconds=30)
    found.undone = {name: found.view(name) for name in STEPS}


@pytest.mark.parametrize("name", CASES)
def test_it_is_done_in_integr8_and_taken_back_by_an_undo(lived, name):
    case, told = CASES[name], lived.told
    told.check_runs(name)
    assert str(told.effects(name)[0].state) == "applied", told.effects(name)[0].error
    assert lived.seen[name]["archived"] is case.archived
    assert {field: lived.seen[name][field] for field in case.after} == case.after
    undone = case.before if case.undone is None else case.undone
    assert {field: lived.undone[name][field] for field in undone} == undone


@pytest.mark.parametrize("kind", MADE)
def test_what_is_made_is_archived_by_an_undo(lived, kind):
    told, name = lived.told, f"ensure-{kind}"
    told.check_runs(name)
    ensured, archived = told.effects(name)
    assert (ensured.result["created"], str(archived.state), archived.error) == (True, "applied", None)
    repository = lived.told.network.world.directory.repositories[f"{kind}s"]
    assert repository.get(ensured.result["id"]).archived


@pytest.mark.parametrize("name", [*STEPS, *(f"fails-{ending}" for ending in ENDINGS)])
def test_each_is_explained_and_shown(lived, name):
    told = lived.told
    told.check_runs(name)
    run = told.runs(name)[0]
    told.explained(name, f"event={run.event_id}")
    told.check_pages(name)
    told.browser.open(f"/events/{run.event_id}")


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.kind in SWITCHABLE[:3]])
def test_the_page_of_the_item_names_the_rule(lived, name):
    kind = CASES[name].kind
    if not name.startswith("call"):
        lived.told.check_pages(name, f"{kind}/{lived.things[name].key}")


def test_a_conversion_is_rejected_at_the_tracker(lived):
    [asked] = lived.told.network.world.rejections
    assert asked["reason"] == "fraud"


def test_a_generated_password_is_handed_over_once(lived):
    effect = lived.told.effects("password")[0]
    assert (str(effect.state), effect.error) == ("applied", None)
    network = lived.told.network
    password = reveal_secret(network.services, effect.id, who="ann", now=network.now)["password"]
    user = lived.things["password"]
    assert password == (user.secrets["password"] if hasattr(user, "secrets") else user.fields["password"])


def test_a_list_of_targets_is_paused_until_midnight(lived):
    held = [one for one in lived.told.network.all(Hold) if one.rule_id == "many"]
    assert len(held) == 3
    assert {one.until for one in held} == {NOW.replace(day=3, hour=0)}


def test_each_step_gets_the_id_of_the_one_before(lived):
    [owner] = lived.made("advertisers", email="chain@x.example")
    [shop] = lived.made("offers", name="Chain")
    [page] = lived.made("landing_pages", name="Summer")
    assert shop.fields["description"] == owner.key
    assert page.offer == shop.key
    messages = [one.body.decode() for one in lived.receiver.requests if one.path in {"/people", "/programs"}]
    assert any(page.key in one for one in messages)
    assert any(shop.key in one for one in messages)


def test_a_request_has_all_its_parts(lived):
    [asked] = [one for one in lived.receiver.requests if one.path.startswith("/in/")]
    assert (asked.method, asked.path) == ("PUT", "/in/a%2Fb%20c?who=Ann+%26+Co")
    assert (asked.headers["x-team"], asked.headers["authorization"]) == ("traffic", "sesame")
    assert json.loads(asked.body) == {"one": "a/b c", "amount": 12345678901234567890}


def test_over_its_limit_nothing_is_done_and_the_guard_is_named(lived):
    assert {str(one.state) for one in lived.told.effects("held-back")}.isdisjoint({"applied"})
    assert any(guard == "at_most.targets" and "at most 1" in said for guard, said in lived.told.stops("held-back"))


@pytest.mark.parametrize(("ending", "left"), [("undo", 0), ("keep", 1), ("ask", 1)])
def test_when_a_step_fails_the_others_end_as_the_rule_says(lived, ending, left):
    states = {one.step: str(one.state) for one in lived.told.effects(f"fails-{ending}")[:3]}
    assert states == {"pub": "applied", "login": "failed", "3": "failed"}
    assert len(lived.made("publishers", email=f"{ending}@x.example")) == left


def test_nothing_is_wrong_in_the_log(lived):
    assert lived.told.errors == []
