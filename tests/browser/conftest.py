"""A console that has seen some life, and an operator in front of it."""

from datetime import UTC, datetime, timedelta

import pytest
from chromium import chromium
from console_users import new_app
from local_server import served

from bridge.store.roles import Role
from bridge.web.access import make

__all__ = ["chromium"]

RULE = """\
schema: 1
id: ID
title: Pause an offer that hardly converts
owner: traffic
mode: MODE
trigger: {every: 15m}
scope: {per: [offer], where: {offer.active: true}, except: {offer.name: [EXCEPT]}}
data: {window: 24h, need: {clicks: 100}, fresh: 30m}
when: {all: ["cr < 1% @95%"]}
then:
  - pause: offer
    hold: 12h
guards: {at_most: {targets: 50, share: 90%}}
tests:
  - {given: {clicks: 1000, conversions: 1}, expect: yes}
"""


def written(name, mode, but):
    return RULE.replace("ID", name).replace("MODE", mode).replace("EXCEPT", but)


@pytest.fixture
def address(network):
    """A console that has seen some life, behind a real server."""
    network.now = datetime.now(UTC)
    world = network.world
    for number in range(6):
        world.offer(f"Summer sale {number + 1}", clicks=1000, conversions=40 + number, active=True)
    world.offer("Free phone", clicks=1000, conversions=1, active=True, key="freephone1")
    world.offer("Sweepstake", clicks=1200, conversions=2, active=True)
    network.rule(written("low-cr", "live", "Sweepstake"), "low-cr.yaml")
    network.rule(written("low-cr-ask", "approve", "Free phone"), "ask.yaml")
    for number in range(4):
        network.crm({"id": str(number), "type": "deal.signed"})
    network.work()
    network.services.meter.write()  # what a worker does when its task ends
    with served(new_app(network.services)) as found:
        yield found


@pytest.fixture
def page(chromium, address, network):
    with network.services.store.write() as session:
        token = make(session, name="Anna", role=Role.OPERATOR, who="test", now=datetime.now(UTC) - timedelta(days=1))
    context = chromium.new_context(viewport={"width": 1180, "height": 820}, base_url=address)
    found = context.new_page()
    problems_seen = []
    found.on("pageerror", lambda error: problems_seen.append(str(error)))

    def complain(message):
        """Whatever the browser complains about, but for the page itself being a refusal."""
        if message.type == "error" and message.location.get("url") != found.url:
            problems_seen.append(message.text)

    found.on("console", complain)
    found.goto("/")
    found.get_by_label("Token").fill(token)
    found.get_by_role("button", name="Use the token").click()
    found.wait_for_url("**/")
    yield found
    context.close()
    assert problems_seen == []
