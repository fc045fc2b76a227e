"""Postbacks out: macros, firing status, delay, one attempt and no more, a log."""

from datetime import timedelta

import pytest

from bridge.simulator import World


class Ear:
    """Takes what is sent, and answers what it was told to."""

    def __init__(self):
        self.heard = []
        self.answer = (200, "ok")

    def __call__(self, method, url, headers, body):
        self.heard.append((method, url, dict(headers), body))
        return self.answer


@pytest.fixture
def ear():
    return Ear()


@pytest.fixture
def world(clock, ear):
    made = World(seed=7, clock=clock, send=ear)
    yield made
    made.close()


@pytest.fixture
def postback(world):
    def add(**requested):
        url = requested.pop("url", "http://crm.test/hook?tx={transaction_id}&s={status}")
        return world.postbacks.add({"url": url, **requested}, minimum_delay=world.options.minimum_delay)

    return add


@pytest.fixture
def convert(world):
    def make(**fields):
        click = world.tracker.click(world.offer("Blue shoes"), world.publisher("Acme"))
        return world.tracker.convert(click, **fields)

    return make


def test_a_conversion_fires_its_postback(world, postback, convert, ear):
    postback()
    row = convert()
    world.fire_postbacks()
    assert [each[1] for each in ear.heard] == [f"http://crm.test/hook?tx={row.transaction_id}&s=approved"]


def test_both_spellings_of_a_macro_are_filled_with_the_id(world, postback, convert, ear):
    postback(url="http://crm.test/?a={offer}&b={offer_id}&c={publisher}&d={publisher_id}")
    convert()
    world.fire_postbacks()
    assert ear.heard[0][1] == "http://crm.test/?a=1001&b=1001&c=201&d=201"


def test_an_unknown_macro_stays_as_it_is(world, postback, convert, ear):
    postback(url="http://crm.test/?x={something_else}")
    convert()
    world.fire_postbacks()
    assert ear.heard[0][1].endswith("x={something_else}")


def test_values_are_escaped_for_the_address(world, postback, convert, ear):
    postback(url="http://crm.test/?r={rejection_reason}")
    convert(third_party_reason="not & good")
    world.fire_postbacks()
    assert ear.heard[0][1].endswith("r=not%20%26%20good")


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_body_template_goes_out_with_its_headers(world, postback, convert, ear, method):
    headers = {"Content-Type": "application/json", "X-Token": "t"}
    postback(method=method, headers=headers, body='{"tx": "{transaction_id}", "payout": {payout}}')
    row = convert(payout=2.5)
    world.fire_postbacks()
    assert ear.heard[0][2:] == (headers, f'{{"tx": "{row.transaction_id}", "payout": 2.5}}')


@pytest.mark.parametrize(("firing", "fired"), [("Any", 2), ("Approved", 1), ("Rejected", 1)])
def test_the_firing_status_decides(world, postback, convert, firing, fired):
    postback(firing_status=firing)
    convert()
    convert(third_party_reason="fraud")
    assert len(world.fire_postbacks()) == fired


def test_only_chosen_reasons_fire(world, postback, convert, ear):
    postback(firing_status="Rejected", reasons=["fraud"])
    convert(third_party_reason="fraud")
    convert(third_party_reason="other")
    world.fire_postbacks()
    assert len(ear.heard) == 1


def test_a_delay_is_waited_for(world, postback, convert, ear, clock):
    postback(delay=120)
    convert()
    world.fire_postbacks()
    early = len(ear.heard)
    clock.advance(timedelta(minutes=2))
    world.fire_postbacks()
    assert (early, len(ear.heard)) == (0, 1)


def test_a_delay_below_two_minutes_is_refused(api):
    answer = api.post("/_sim/postbacks", json={"url": "http://crm.test/", "delay": 30})
    assert answer.status_code == 400


def test_a_failed_postback_is_logged_and_never_sent_again(world, postback, convert, ear):
    ear.answer = (503, "later")
    postback()
    convert()
    for _ in range(2):
        world.fire_postbacks()
    line = world.postback_log.all()[0]
    assert (len(ear.heard), line["success_status"], line["response_code"]) == (1, "Failed", 503)


def test_a_late_rejection_fires_once_more(world, postback, convert, ear):
    postback()
    row = convert()
    world.tracker.judge(row, "Rejected", "fraud")
    world.fire_postbacks()
    assert len(ear.heard) == 2


def test_or_not_when_it_is_configured_so(world, postback, convert, ear):
    postback(refire=False)
    row = convert()
    world.tracker.judge(row, "Rejected", "fraud")
    world.fire_postbacks()
    assert len(ear.heard) == 1


def test_a_postback_may_be_for_one_offer_only(world, postback, convert, ear):
    postback(offer=world.offer("Other").key)
    convert()
    world.fire_postbacks()
    assert ear.heard == []


def test_clicks_and_events_have_postbacks_of_their_own(world, postback, convert, ear):
    for kind in ("Click", "Event"):
        postback(type=kind, url=f"http://crm.test/{kind}")
    row = convert()
    event = world.directory.create("offer_events", {"name": "Deposit"}, offer=world.directory.offers.all()[0].key)
    world.tracker.convert(world.tracker.click_of(row.transaction_id), event=event)
    world.fire_postbacks()
    assert sorted(each[1] for each in ear.heard) == ["http://crm.test/Click", "http://crm.test/Event"]


def test_made_up_history_fires_nothing(world, postback, ear):
    postback()
    world.offer("Shoes", clicks=5, conversions=5)
    world.fire_postbacks()
    assert ear.heard == []


def test_the_control_plane_fires_what_waits(api, postback, convert, ear):
    postback(delay=600)
    convert()
    fired = api.post("/_sim/postbacks/fire", json={"everything": True}).json()["fired"]
    assert (len(fired), len(ear.heard)) == (1, 1)


@pytest.mark.parametrize(("setting", "sent"), [("postback_loss", 0), ("postback_repeat", 2)])
def test_postbacks_can_get_lost_or_come_twice(world, postback, convert, setting, sent):
    world.configure({setting: 1.0})
    postback()
    convert()
    assert len(world.fire_postbacks()) == sent
