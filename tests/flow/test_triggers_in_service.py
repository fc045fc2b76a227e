"""Triggers and scopes in the running service: which events and moments ask a rule, and about which items."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from network import YAML
from whole_way import story

from bridge.store.journal import Event

pytestmark = pytest.mark.network
NOW = datetime(2026, 3, 2, 5, 50, tzinfo=UTC)  # ten minutes before six, on a Monday
RULE = """
schema: 1
id: {name}
mode: live
trigger: {trigger}
{scope}
data: {{window: 24h, need: {{}}}}
when: {when}
then: {then}
"""
PAUSE = "[{pause: offer, hold: 1d}]"
TELL = "[{notify: people, with: {text: seen}}]"


@dataclass(frozen=True)
class Timed:
    """When a rule ran until noon, where nobody worked between half past six and ten."""

    trigger: str
    ran: tuple[str, ...]


TIMED = {
    "cron": Timed('{cron: "0 6 * * mon-fri"}', ("06:00",)),
    "cron-weekend": Timed('{cron: "0 6 * * sat"}', ()),
    "cron-zone": Timed('{cron: "0 7 * * *", tz: Europe/Berlin}', ("06:00",)),
    "missed-once": Timed('{cron: "0 7,8 * * *"}', ("08:00",)),
    "missed-skip": Timed('{cron: "0 7,8 * * *", missed: skip}', ()),
    "after-the-gap": Timed('{cron: "0 11 * * *", missed: skip}', ("11:00",)),
}
#: Name → (dimensions, condition, step).
SCOPES = {
    "publisher": ("[publisher]", "clicks > 100", "pause: publisher"),
    "advertiser": ("[advertiser]", "clicks > 100", "pause: advertiser"),
    "sub_id": ("[sub_id]", "clicks > 10", "notify: people"),
    "country": ("[country]", "clicks > 10", "notify: people"),
    "offer-publisher": ("[offer, publisher]", "clicks > 100", "pause: offer"),
    "offer-country": ("[offer, country]", "clicks > 5", "notify: people"),
    "publisher-sub_id": ("[publisher, sub_id]", "clicks > 5", "notify: people"),
    "os": ("[os]", "clicks > 10", "notify: people"),
    "offer-os": ("[offer, os]", "clicks > 5", "notify: people"),
}
ABOUT_EVENTS = {
    "every-event": "{webhook: {source: crm}}",
    "one-type": "{webhook: {source: crm, event: lead}}",
    "once-per-deal": "{webhook: {source: crm, event: lead, dedupe: body.deal}}",
    "in-order": "{webhook: {source: crm, event: lead, order_by: body.at, order_per: body.deal}}",
}
EVENTS = (
    {"id": "1", "type": "lead", "deal": 1, "at": 10}, {"id": "2", "type": "lead", "deal": 1, "at": 5},
    {"id": "3", "type": "lead", "deal": 2, "at": 7}, {"id": "4", "type": "other", "deal": 3, "at": 1},
)  # fmt: skip
READY_FOR = {"every-event": "1234", "one-type": "123", "once-per-deal": "13", "in-order": "13"}


def _rules(told):
    rules = told.network.home / "rules"
    for name, one in TIMED.items():
        text = RULE.format(
            name=name, trigger=one.trigger, scope="scope: {per: [offer], where: all}", when="[clicks > 100]", then=TELL
        )
        (rules / f"{name}.yaml").write_text(text)
    for name, (per, when, step) in SCOPES.items():
        more = ", hold: 1d" if step.startswith("pause") else ", with: {text: seen}"
        text = RULE.format(
            name=f"per-{name}", trigger="{every: 30m}", scope=f"scope: {{per: {per}, where: all}}",
            when=json.dumps([when]), then=f"[{{{step}{more}}}]",
        )  # fmt: skip
        (rules / f"per-{name}.yaml").write_text(text)
    for name, trigger in ABOUT_EVENTS.items():
        (rules / f"{name}.yaml").write_text(
            RULE.format(name=name, trigger=trigger, scope="", when="[body.at >= 0]", then=TELL)
        )
    silent = RULE.format(
        name="silent",
        trigger="{silence: {source: crm, event: lead, for: 1h}}",
        scope="",
        when="[body.minutes >= 60]",
        then=TELL,
    )
    told.network.rule(silent, "silent.yaml")


def _live(told):
    network, world = told.network, told.network.world
    network.services.settings.channels["people"] = {"apprise": "json://127.0.0.1:9/people"}
    home = world.publisher("P")
    world.offer("A", clicks=300, conversions=3, active=True, publishers=[home])
    _rules(told)
    told.work()
    for one in EVENTS:
        assert network.crm(one).status_code == 202
        told.work(seconds=1)
    told.work(minutes=11)
    told.work(minutes=20)
    network.begin_anew()
    network.services.settings.channels["people"] = {"apprise": "json://127.0.0.1:9/people"}
    told.work(seconds=(NOW + timedelta(hours=4, minutes=10) - network.now).total_seconds())
    for _ in range(4):
        told.work(minutes=30)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def told(request, tmp_path_factory, new_database):
    with story(
        tmp_path_factory.mktemp("triggers"), new_database(request.param), NOW, yaml=f"{YAML}dimensions: [os]\n"
    ) as made:
        _live(made)
        yield made


@pytest.mark.parametrize("name", TIMED)
def test_a_rule_runs_when_its_calendar_says_and_not_for_the_time_before_it_was_there(told, name):
    told.check_runs(name)
    assert tuple(f"{run.due_at:%H:%M}" for run in told.runs(name)) == TIMED[name].ran
    assert {run.due_at.date() for run in told.runs(name)} <= {NOW.date()}


@pytest.mark.parametrize("name", SCOPES)
def test_each_item_of_a_scope_is_decided_about_and_explained(told, name):
    rule = f"per-{name}"
    told.check_runs(rule)
    subject = next(iter(told.verdicts(rule)))
    assert subject.partition("=")[0] == name.partition("-")[0]
    assert {str(one.state) for one in told.effects(rule)} == {"applied"}
    told.explained(rule, subject)
    told.check_pages(rule)


@pytest.mark.parametrize("name", ABOUT_EVENTS)
def test_a_rule_runs_for_the_events_that_it_names(told, name):
    told.check_runs(name)
    wanted = {one.event_id for one in told.runs(name) if one.outcome == "ready"}
    numbers = [one.delivery_id for one in told.network.all(Event) if one.id in wanted]
    assert "".join(sorted(numbers)) == READY_FOR[name]
    told.explained(name, f"event={min(wanted)}")
    told.check_pages(name)


def test_the_event_that_came_too_late_says_so(told):
    [(guard, sentence)] = told.stops("in-order")
    assert (guard, "newer" in sentence or "older" in sentence) == ("order_by", True)


def test_silence_of_one_kind_of_event_asks_once(told):
    told.check_runs("silent")
    [run] = told.runs("silent")
    assert (run.yes, run.outcome) == (1, "ready")


def test_nothing_is_wrong_in_the_log(told):
    assert told.errors == []
