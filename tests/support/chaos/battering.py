"""Three minutes at half of what the service takes, with 20 kills, edits of rules, and webhooks that come twice."""

import random
import time
import uuid

from sqlalchemy import distinct, func, select

from bridge.store.journal import Event, EventState
from chaos import proof
from chaos.load import Load
from chaos.rig import WORKERS, Rig
from chaos.stream import Stream

KILLS = 20
BETWEEN = 9.0  # s; 20 of them are three minutes
SATURATED = 10.0  # s at full speed, to find out what half of it is
VICTIMS = ("web", *WORKERS, "beat", "valkey")
PARTNER_EVERY = 1.0  # s; each means some calls to Integr8, beside those of the loads


def three_minutes(rig: Rig, _load: Load) -> None:
    """Each victim dies three times at least. What was answered, and what Integr8 was told, is counted afterwards."""
    dice = random.Random(KILLS)
    victims = [*VICTIMS * (KILLS // len(VICTIMS)), *dice.sample(VICTIMS, KILLS % len(VICTIMS))]
    dice.shuffle(victims)
    stream = _stream(rig, per_second=_capacity(rig) / 2, partner_every=PARTNER_EVERY)
    loads: list[Load] = []
    rule = rig.home / "rules" / "bad-offer.yaml"
    text = rule.read_text()
    try:
        for number, victim in enumerate(victims):
            loads.append(Load(rig, partners=5, offers=5, copies=2, senders=4, seed=number).start())
            rule.write_text(text.replace("title: Pause an offer", f"title: Edit {number}, pause an offer"))
            rig.kill(victim)
            _live_on(rig, BETWEEN)
    finally:
        rule.write_text(text)
        rig.boss.revive()  # a sender waits until it is answered
        stream.stop()
    for one in loads:
        one.finish()
    rig.loads += loads
    rig.until(lambda: proof.quiet(rig), "nothing waits any more", 600)
    assert not (found := _problems(rig, stream)), found


def _capacity(rig: Rig) -> float:
    """Events a second, from the first one sent to the last one decided about."""
    began = time.monotonic()
    stream = _stream(rig, per_second=0, partner_every=0)
    _live_on(rig, SATURATED)
    stream.stop()
    rig.until(lambda: not proof.undecided(rig), "the backlog is decided", 600)
    return stream.sent / (time.monotonic() - began)


def _stream(rig: Rig, *, per_second: float, partner_every: float) -> Stream:
    tag = uuid.uuid4().hex[:8]
    stream = Stream(
        rig.stack.address, rig.secret, tag, per_second=per_second, partner_every=partner_every, clock=rig.now
    )
    return stream.start()


def _live_on(rig: Rig, seconds: float) -> None:
    """Who dies comes back meanwhile."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        rig.boss.revive()
        time.sleep(0.1)


def _problems(rig: Rig, stream: Stream) -> list[str]:
    """One sentence for each way in which what was sent, what was journalled and what Integr8 has differ."""
    of_stream = Event.delivery_id.startswith(f"msg_{stream.tag}_")
    with rig.store.read() as session:
        events, deliveries = session.execute(
            select(func.count(), func.count(distinct(Event.delivery_id))).where(of_stream)
        ).one()
        done = session.scalar(select(func.count()).where(of_stream, Event.state == EventState.DONE))
    living = [one["email"] for one in rig.integr8.get("/_sim/state").json()["publishers"]]
    numbers = {email: living.count(email) for email in stream.partners}
    return [
        *([] if done == stream.sent else [f"{stream.sent} webhooks were answered, {done} are done"]),
        *([] if events == deliveries else [f"{deliveries} deliveries became {events} events"]),
        *(f"{email}: {number} publishers" for email, number in numbers.items() if number != 1),
    ]
