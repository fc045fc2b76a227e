"""What people read is words and plain numbers: on every page, in every listing of the command line, in every notice.

Nothing is listed by hand: pages are found by following links, commands by walking the command line.
"""

import re
from html import unescape

import click
import help_examples
import pytest
from click.testing import CliRunner
from network import ONBOARDING
from sqlalchemy import select

from bridge.cli import cli
from bridge.operations import approvals
from bridge.operations.approvals import Person
from bridge.outbound.notices import Message, compose
from bridge.store import halts
from bridge.store.journal import Event
from bridge.store.notifications import Notice
from bridge.store.roles import Role

NOUNS = (
    "rows|effects|events|runs|rules|offers|errors|holds|plans|items|calls|requests|conversions|clicks|checks|changes"
)
MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
NOT_FOR_PEOPLE = {
    "None, True, False or nan of Python": r"\b(None(?! (of|yet)\b|\.)|True|False|nan|NaN|Undefined)\b",
    "an object of Python": r"\['|'\]|\{'|\(\)|Decimal\(|\bdatetime\b|<class|frozenset|\bat 0x|\\x[0-9a-f]",
    "raw JSON": r'\{"|\[\{|":',
    "a number of many digits": r"\d\.\d{7,}|\d[eE][+-]\d",
    "one of many": rf"(?<![\d.,])1 ({NOUNS})\b",
    "a day without its year": rf"\b\d{{1,2}} ({MONTHS})\b(?! \d{{4}}| \d\d:\d\d)",
    "a month without its year": rf"\b({MONTHS}) \d{{1,2}}\b(?!,? \d{{4}}|:)",
}
FOR_MACHINES = re.compile(r"(?s)<(script|style|pre|code|textarea|svg|datalist|time|button)\b.*?</\1>|<[^>]+>")
SECOND = (
    ONBOARDING
    + """---
schema: 1
id: tells
title: Tell what came
mode: live
trigger: {webhook: {source: crm}}
when: [body.id > 0]
then:
  - notify: traffic
    with: {text: "deal {{ body.id }}, {{ body.amount }} of {{ body.email }}, {{ body.more }}, {{ event.time }}"}
"""
)
BODY = re.compile(r"(?ms)^body .*?^\}$")  # of an event, as it was sent
PAGES = 400  # more are not looked at


@pytest.fixture
def full(network, lived_in, monkeypatch):
    """A network in which everything that is shown has happened: answers, refusals, faults, a halt and its end."""
    monkeypatch.setenv("HOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    network.home.joinpath("bridge.yaml").write_text(
        network.home.joinpath("bridge.yaml").read_text()
        + "channels: {traffic: {webhook: 'https://hooks.example.com/x', secret: '${HOOK_SECRET}'}}\n"
        + "notices: {operations: [traffic]}\n"
    )
    network.services.refresh()
    lived_in("approve")
    network.rule(SECOND, "second.yaml")
    network.crm({"id": "1", "email": "ann@example.com"})
    network.crm({"id": "2", "email": None})
    network.crm({"id": 23851234567890122, "email": "ann@example.com", "amount": 0.1, "more": True})
    network.crm({"id": 5, "email": ["a"], "amount": None, "more": {"a": [1, None, True]}})
    network.postback(type="conversion", tx="t1", offer="1001", status="odd", payout="1,50", ct="9999-12-31")
    network.postback(type="conversion", tx="{clickid}", offer="1001", payout="5")
    network.work()
    approvals.approve(network.services, 1, person=Person(name="ann"), now=network.now)
    network.work()
    with network.services.store.write() as session:
        halts.halt(session, why="a look", by="ann", now=network.now)
    network.crm({"id": "4", "email": "bob@example.com"})
    network.pass_time(minutes=20)
    network.work()
    return network


def complaints(where, text):
    return [f"{where}: {what}: ...{text[max(hit.start() - 60, 0) : hit.end() + 40]}..."
            for what, pattern in NOT_FOR_PEOPLE.items() for hit in re.finditer(pattern, text)]  # fmt: skip


def words_of(page):
    return " ".join(unescape(FOR_MACHINES.sub(" ", page)).split())


def test_every_page_that_links_lead_to(full, browser):
    visitor, waiting, seen, found = browser(Role.ADMIN), ["/"], set(), []
    while waiting and len(seen) < PAGES:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        answer = visitor.get(path)
        if answer.status_code != 200 or answer.mimetype != "text/html":
            continue
        page = answer.get_data(as_text=True)
        found += complaints(path, words_of(page))
        links = (unescape(one).partition("#")[0] for one in re.findall(r'href="(/[^"]*)"', page))
        waiting += [one for one in links if not one.startswith(("/static", "/logout", "/api"))]
    assert len(seen) > 30
    assert not found, "\n".join(found[:60])


LISTINGS = {"list", "show", "usage", "budget", "doctor", "halts", "check"}


def test_every_listing_of_the_command_line(full):
    with full.services.store.read() as session:
        event = session.scalars(select(Event.id)).first()
    known = {"run": "1", "rule": "low-cr", "rule_id": "low-cr", "event_id": event, "event": event, "plan": "1"}
    runner, found, asked = CliRunner(), [], 0
    for path, command in help_examples.commands(cli):
        if path[-1] not in LISTINGS or isinstance(command, click.Group) or path[0] == "api":
            continue
        needed = [one.name for one in command.params if isinstance(one, click.Argument) and one.required]
        if not set(needed) <= known.keys():
            continue
        told = runner.invoke(cli, [*path, *(known[one] for one in needed)], env={"BRIDGE_HOME": str(full.home)})
        asked += 1
        found += complaints(" ".join(path), BODY.sub("", told.output))
    assert asked > 15
    assert not found, "\n".join(found[:60])


def test_every_notice(full):
    found = []
    for one in full.all(Notice):
        _, text = compose([Message(topic=one.topic, text=one.text, rule=one.rule_id or "", at=full.now)])
        found += complaints(one.topic, text)
    assert full.all(Notice)
    assert not found, "\n".join(found[:60])
