"""Modes, guards, holds, approvals and limits of loss in the running service, through a day and two processes.

One network has all the rules. Each is about two offers of its own, `NAME a` and `NAME b`, which hardly convert. They
are looked at four times: at noon, half an hour and an hour and a half later, and at night.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from whole_way import named, story

from bridge.operations import notify
from bridge.operations.approvals import Person, approve
from bridge.store.holds import Hold
from bridge.store.ledger import StoredPlan
from bridge.store.notifications import Notice

pytestmark = pytest.mark.network
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LOOKS = (timedelta(0), timedelta(minutes=30), timedelta(minutes=90), timedelta(hours=14))
RULE = """
schema: 1
id: {name}
mode: {mode}
trigger: {{every: 10m}}
scope: {{per: [offer], where: {{offer.name: ["{name} a", "{name} b"]}}}}
data: {{window: 48h, need: {{clicks: 100}}}}
when: {when}
{more}
then: [{{pause: offer, hold: {hold}}}]
"""
LOW = '["cr < 2% @95%"]'
UNPROVEN = '["cr < 1.5% @95% a month"]'
ALL, NONE = "ab", ""


@dataclass(frozen=True)
class Case:
    """What a rule says beside its condition; which of its offers are paused at each look; what holds it back."""

    paused: tuple[str, str, str, str]
    more: str = ""
    mode: str = "live"
    hold: str = "1d"
    when: str = LOW
    guard: str = ""  # of a stop
    says: str = ""  # a part of its sentence


CASES = {
    "live": Case((ALL,) * 4),
    "shadow": Case((NONE,) * 4, mode="shadow"),
    "asks": Case((NONE,) * 4, mode="approve", guard="waiting"),
    "disabled": Case((NONE,) * 4, mode="disabled"),
    "targets": Case((NONE,) * 4, "guards: {at_most: {targets: 1}}", guard="at_most.targets", says="at most 1"),
    "share": Case((NONE,) * 4, "guards: {at_most: {share: 50%}}", guard="at_most.share", says="50%"),
    "revenue": Case(
        (NONE,) * 4, "guards: {at_most: {revenue_24h: 1%}}", when="[clicks > 10]",
        guard="at_most.revenue_24h", says="1%",
    ),
    "stops": Case((NONE,) * 4, "guards: {at_most: {targets: 1}, if_over: stop}", guard="at_most.targets"),
    "per-day": Case((NONE,) * 4, "guards: {per_day: 1, if_over: stop}", guard="per_day", says="1"),
    "keeps": Case(("a", "a", "a", "a"), "guards: {keep_active: {offers: 1, per: advertiser}}", guard="keep_active"),
    "quiet": Case((NONE, NONE, NONE, ALL), 'guards: {quiet: {from: "8:00", to: "18:00"}}', guard="quiet"),
    "active": Case((NONE, NONE, ALL, ALL), 'guards: {active: {from: "13:00", to: "14:00"}}', guard="active"),
    "canary": Case(("a", "a", ALL, ALL), "guards: {canary: {targets: 1, wait: 1h}}", guard="canary"),
    "cooldown": Case((ALL, NONE, NONE, ALL), "guards: {cooldown: 6h}", hold="20m", guard="cooldown"),
    "probation": Case((ALL, NONE, NONE, NONE), "release: {probation: {clicks: 500}}", hold="20m", guard="probation"),
    "midnight": Case((ALL, ALL, ALL, NONE), "guards: {cooldown: 1d}", hold="until midnight"),
    "manual": Case((ALL,) * 4, hold="manual", guard="held", says="until someone lets go"),
    "checks": Case((NONE, ALL, ALL, ALL), when='{all: ["cr < 2% @95%"], for: 2 checks}', guard="for"),
    "lasting": Case((NONE, NONE, ALL, ALL), when='{all: ["cr < 2% @95%"], for: 1h}', guard="for"),
    "drops": Case((NONE,) * 4, "approve: {within: 1h}\nguards: {at_most: {targets: 1}}"),
    "proceeds": Case((NONE, NONE, ALL, ALL), "approve: {within: 1h, otherwise: proceed}", mode="approve"),
    "escalates": Case(
        (NONE,) * 4, "approve: {within: 1h, otherwise: escalate, escalate_to: [people]}", mode="approve"
    ),
    "early": Case((ALL, ALL, NONE, NONE), "release: {early: [cr >= 3%]}", when="[cr < 2%]"),
    "person": Case((ALL, NONE, NONE, NONE), "guards: {respect_people: 48h}", guard="muted", says="4 Mar"),
    "loses-ask": Case(
        (NONE,) * 4, "lose_at_most: {amount: 5 USD, worth: 8 USD}", when=UNPROVEN, guard="lose_at_most",
    ),
    "loses-pause": Case(
        (ALL,) * 4, "release: {probation: {clicks: 500}}\n"
        "lose_at_most: {amount: 5 USD, worth: 8 USD, then: pause, hold: 1d}", when=UNPROVEN,
    ),
    "loses-cap": Case(
        (ALL, ALL, ALL, NONE), "lose_at_most: {amount: 5 USD, worth: 8 USD, then: cap, clicks_per_day: 50}",
        when=UNPROVEN,
    ),
}  # fmt: skip


def _live(told):
    network, world = told.network, told.network.world
    network.services.settings.channels["people"] = {"apprise": "json://127.0.0.1:9/people"}
    home, seen, subjects = world.publisher("P"), {}, {}
    for name, case in CASES.items():
        owner = world.advertiser(f"of {name}")
        for letter in "ab":
            offer = subjects[f"{name} {letter}"] = world.offer(f"{name} {letter}", active=True, advertiser=owner)
            start, end = NOW - timedelta(hours=11), NOW - timedelta(minutes=10)
            conversions = 2 if name == "revenue" else 0
            clicks = 180 if letter == "a" else 200
            world.traffic(offer, [home], clicks, conversions, start=start, end=end, revenue=10.0)
        text = RULE.format(name=name, mode=case.mode, when=case.when, more=case.more, hold=case.hold)
        (network.home / "rules" / f"{name}.yaml").write_text(text)
    network.rule(text, f"{name}.yaml")
    for number, at in enumerate(LOOKS):
        told.work(seconds=(NOW + at - network.now).total_seconds())
        told.work(seconds=5)
        with told.lived():
            notify.collect_notices(network.services, network.now)
        seen[number] = set(network.paused)
        if number == 0:
            network.begin_anew()
            network.services.settings.channels["people"] = {"apprise": "json://127.0.0.1:9/people"}
            for letter in "ab":
                network.world.directory.update(subjects[f"person {letter}"], {"active": True})
        for letter in "ab":  # a little traffic, so that there is new data to look at
            for name in CASES:
                world.traffic(
                    subjects[f"{name} {letter}"],
                    [home],
                    2,
                    0,
                    start=network.now,
                    end=network.now + timedelta(minutes=5),
                )
        if number == 1:
            for letter in "ab":
                early = subjects[f"early {letter}"]
                world.traffic(early, [home], 50, 40, start=network.now, end=network.now + timedelta(minutes=5))
    return seen, {name: named("offer", one.number) for name, one in subjects.items()}


@pytest.fixture(scope="module")
def lived(tmp_path_factory, new_database):
    with story(tmp_path_factory.mktemp("guards"), new_database("sqlite"), NOW) as told:
        seen, subjects = _live(told)
        yield told, seen, subjects


@pytest.mark.parametrize("name", CASES)
def test_its_offers_are_paused_when_the_rule_says_so_and_the_guard_is_named(lived, name):
    told, seen, subjects = lived
    case = CASES[name]
    told.check_runs(name)
    found = tuple("".join(one for one in ALL if f"{name} {one}" in seen[look]) for look in range(len(LOOKS)))
    assert found == case.paused
    assert case.guard == "" or any(guard == case.guard and case.says in words for guard, words in told.stops(name))
    told.explained(name, subjects[f"{name} a"])
    if case.mode != "disabled":
        told.check_pages(name, subjects[f"{name} a"].replace("=", "/"))


@pytest.mark.parametrize(("name", "decision"), [("drops", "expired"), ("proceeds", "proceeded"), ("asks", "expired")])
def test_what_nobody_answered_ends_as_the_rule_says(lived, name, decision):
    assert decision in {one.decision for one in lived[0].network.all(StoredPlan) if one.rule_id == name}


def test_an_escalation_is_told_to_its_channel(lived):
    told = lived[0]
    assert "people" in {one.channel for one in told.network.all(Notice) if one.rule_id == "escalates"}


def test_of_a_limit_of_loss_a_person_is_asked(lived):
    stopped = [words for guard, words in lived[0].stops("loses-ask") if guard == "lose_at_most"]
    assert stopped


def test_a_hold_ends_by_itself_or_stays_as_the_rule_says(lived):
    holds = {name: [one for one in lived[0].network.all(Hold) if one.rule_id == name] for name in CASES}
    assert {one.until for one in holds["manual"]} == {None}
    assert {str(one.state) for one in holds["midnight"]} == {"released"}
    assert {one.ended_why.partition(":")[0] for one in holds["early"]} == {"early"}
    assert {str(one.state) for one in holds["person"]} == {"overridden"}


def test_nothing_is_wrong_in_the_log(lived):
    assert lived[0].errors == []


def test_a_yes_of_a_person_pauses_what_waited(lived):
    """The last test of this module: it changes what is paused."""
    told, _, subjects = lived
    told.work(minutes=10)
    [plan] = [one for one in told.network.all(StoredPlan) if (one.rule_id, one.state) == ("targets", "waiting")]
    with told.lived():
        answered = approve(told.network.services, plan.id, person=Person(name="ann"), now=told.network.now)
    told.work(seconds=5)
    assert answered.kept == len(subjects) // len(CASES)
    assert {"targets a", "targets b"} <= set(told.network.paused)
