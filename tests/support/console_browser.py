"""A console that has seen some life, and somebody in front of it in a real browser."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from bridge.store.roles import Role
from bridge.web.access import make

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
LONG = "An offer with a name that somebody pasted out of a spreadsheet and that goes on and on " * 2


def written(name, mode, but):
    return RULE.replace("ID", name).replace("MODE", mode).replace("EXCEPT", but)


def live_in(network, *offers):
    """Some life: one offer is paused, another waits for a person, and four webhooks came that no rule wanted."""
    network.now = datetime.now(UTC)
    world = network.world
    for number in range(6):
        world.offer(f"Summer sale {number + 1}", clicks=200, conversions=8 + number, active=True)
    world.offer("Free phone", clicks=1000, conversions=1, active=True, key="freephone1")
    world.offer("Sweepstake", clicks=1200, conversions=2, active=True)
    for name in offers:
        world.offer(name, active=True)
    network.rule(written("low-cr", "live", "Sweepstake"), "low-cr.yaml")
    network.rule(written("low-cr-ask", "approve", "Free phone"), "ask.yaml")
    for number in range(4):
        network.crm({"id": str(number), "type": "deal.signed"})
    network.work()
    network.services.meter.write()  # what a worker does when its task ends


def operator_token(network, name="Anna", role=Role.OPERATOR):
    with network.services.store.write() as session:
        return make(session, name=name, role=role, who="test", now=datetime.now(UTC) - timedelta(days=1))


@contextmanager
def signed_in(chromium, address, token, **options):
    """A page of somebody who came in with this token, and what the browser complained about."""
    context = chromium.new_context(viewport={"width": 1180, "height": 820}, base_url=address, **options)
    context.set_default_timeout(180_000)  # milliseconds; a busy machine answers late, and says nothing by it
    found = context.new_page()
    complaints = []
    found.on("pageerror", lambda error: complaints.append(str(error)))

    def complain(message):
        """Whatever the browser complains about, but for the page itself being a refusal."""
        if message.type == "error" and message.location.get("url") != found.url:
            complaints.append(message.text)

    found.on("console", complain)
    found.goto("/login")
    found.get_by_label("Token").fill(token)
    found.get_by_role("button", name="Use the token").click()
    found.wait_for_url("**/")
    yield found, complaints
    context.close()
