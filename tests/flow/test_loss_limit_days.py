"""`lose_at_most` over days: a cap that comes back at local midnight, a pause longer than the window, what follows."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from network import YAML, Network

from bridge.operations import explain, undo
from bridge.store.holds import Hold, HoldState
from bridge.store.runs import Run

BERLIN = ZoneInfo("Europe/Berlin")
RULE = """
schema: 1
id: low
mode: live
trigger: {every: 15m}
scope: {per: [offer], where: {offer.active: true}}
data: {window: WINDOW, need: {clicks: 100}, fresh: 1h}
when: ["cr < 1% @95% a month"]
lose_at_most: {amount: 50 USD, worth: 20 USD, THEN}
release: {probation: {clicks: 300}}
then: [{pause: offer, hold: 12h}]
"""


@pytest.fixture
def begin(tmp_path, sqlite_url, monkeypatch):
    """A network in Berlin with an offer that lacks five of ten conversions: 100 USD, and nothing is proven."""
    made = []

    def started(now, then, window="7d"):
        yaml = YAML.replace("    rate:", "    timezone: Europe/Berlin\n    rate:")
        network = Network(tmp_path / "home", sqlite_url, now, monkeypatch, yaml=yaml)
        made.append(network)
        network.world.offer("Good", clicks=1000, conversions=20, active=True)
        network.offer = network.world.offer("Unknown", clicks=1000, conversions=5, active=True)
        network.rule(RULE.replace("WINDOW", window).replace("THEN", then))
        network.work()
        return network

    yield started
    for one in made:
        one.close()


def local(text):
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def look(network, at, clicks=0, conversions=0):
    """Come to a moment; until then the offer has this traffic, if it is not paused."""
    if clicks and network.active(network.offer):
        homes = list(network.world.directory.publishers.living())
        start = at - timedelta(minutes=20)
        end = at - timedelta(minutes=5)
        network.world.traffic(network.offer, homes, clicks, conversions, start=start, end=end)
    network.now = at
    network.work()
    network.pass_time(seconds=1)
    network.work()
    return network.active(network.offer)


CAP = "then: cap, clicks_per_day: 200"


@pytest.mark.parametrize(
    ("saturday", "sunday", "monday"),
    [("2026-03-28", "2026-03-29", "2026-03-30"), ("2026-10-24", "2026-10-25", "2026-10-26")],
)
def test_a_cap_ends_at_local_midnight_on_the_days_when_clocks_change(begin, saturday, sunday, monday):
    network = begin(local(f"{saturday}T23:00"), CAP)
    assert network.paused == ["Unknown"]
    assert not look(network, local(f"{saturday}T23:45"))
    assert look(network, local(f"{sunday}T00:00"))
    assert look(network, local(f"{sunday}T05:00"), clicks=190, conversions=2)
    assert not look(network, local(f"{sunday}T06:00"), clicks=20)
    assert not look(network, local(f"{sunday}T23:45"))
    assert look(network, local(f"{monday}T00:00"))
    assert [one.until.astimezone(BERLIN).hour for one in network.all(Hold)] == [0, 0]


def test_days_of_a_cap_do_not_make_a_proven_pause_one_without_an_end(begin):
    day = local("2026-03-02T23:00")
    network = begin(day, CAP)
    for _ in range(3):
        day += timedelta(hours=1)
        assert look(network, day)
        day += timedelta(hours=23)
        assert not look(network, day, clicks=210, conversions=1)
    day += timedelta(hours=1)
    assert look(network, day)
    assert not look(network, day + timedelta(hours=2), clicks=1800, conversions=4)
    *capped, proven = network.all(Hold)
    assert [one.count for one in capped] == [0] * 4
    assert (proven.count, proven.until - proven.since) == (1, timedelta(hours=12))


def test_a_pause_longer_than_the_window_is_followed_by_what_came_after_it(begin):
    network = begin(datetime(2026, 3, 2, 12, tzinfo=UTC), "then: pause, hold: 3d", window="1d")
    back = network.all(Hold)[0].until
    assert not look(network, back - timedelta(minutes=30))
    assert look(network, back)
    assert look(network, back + timedelta(hours=2), clicks=90)
    found = explain.explain(network.services, "low", explain.parse_subject("offer=1002"), now=network.now)
    assert "only 90 clicks of the 100 that the rule needs" in found.verdict.reason
    assert look(network, back + timedelta(hours=4), clicks=180)  # 2.7 lacking, and on probation
    assert not look(network, back + timedelta(hours=6), clicks=60)
    assert [one.until - one.since for one in network.all(Hold)] == [timedelta(days=3)] * 2


def test_what_sells_after_the_pause_stays(begin):
    network = begin(datetime(2026, 3, 2, 12, tzinfo=UTC), "then: pause, hold: 3d", window="1d")
    back = network.all(Hold)[0].until
    assert look(network, back)
    for hours in range(2, 12, 2):
        assert look(network, back + timedelta(hours=hours), clicks=150, conversions=3)


def test_a_pause_for_the_loss_keeps_its_length_however_often_it_comes(begin):
    network = begin(datetime(2026, 3, 2, 12, tzinfo=UTC), "then: pause, hold: 6h")
    for _ in range(4):
        back = network.all(Hold)[-1].until
        assert look(network, back)
        if not look(network, back + timedelta(hours=2), clicks=320, conversions=0):
            continue
        break
    unproven = [one for one in network.all(Hold) if one.count == 0]
    assert len(unproven) >= 2
    assert {one.until - one.since for one in unproven} == {timedelta(hours=6)}


def test_an_undone_cap_leaves_the_offer_to_people(begin):
    network = begin(local("2026-03-02T20:00"), CAP)
    [hold] = network.all(Hold)
    undo.undo(network.services, network.all(Run)[0].id, who="ann", now=network.now)
    assert look(network, network.now + timedelta(seconds=5))
    assert look(network, network.now + timedelta(minutes=15), clicks=100)
    [after] = network.all(Hold)
    assert (after.id, after.state) == (hold.id, HoldState.RELEASED)
