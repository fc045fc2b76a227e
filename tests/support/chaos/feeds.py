"""Troubles with reports: what a rule that reads them must still get right."""

from datetime import timedelta

from chaos.load import Load
from chaos.rig import Rig

BAD, GOOD = 4, 2
CLICKS = 400
EARLIER = timedelta(seconds=25)


def _traffic(rig: Rig, load: Load) -> None:
    """Offers whose clicks bring nothing, which a rule will pause, and good ones, which it must leave alone."""
    for number in range(BAD + GOOD):
        made = rig.integr8.post("/_sim/entities/offers", json={"name": f"Report {number}", "active": True})
        offer = str(made.raise_for_status().json()["id"])
        if number >= BAD:  # earlier, and too few to be judged: so no look can see the clicks without their conversions
            _clicks(rig, offer, {"count": 100, "conversions": 20, "at": (rig.now() - EARLIER).isoformat()})
        _clicks(rig, offer, {"count": CLICKS})
        if number < BAD:
            load.found.append(offer)
        else:
            rig.spared.add(offer)


def _clicks(rig: Rig, offer: str, more: dict[str, object]) -> None:
    rig.integr8.post("/_sim/clicks", json={"offer": offer, "within": 20, **more}).raise_for_status()


def broken(rig: Rig, load: Load) -> None:
    """429, 500, HTML, half an answer and a page that comes twice, on reports and on the list of offers."""
    rig.fault("rate_limited", retry_after="seconds", seconds=1.0, count=1, operation="reports.*")
    rig.fault("status", status=500, count=1, operation="reports.*", skip=1)
    rig.fault("html", count=1, operation="reports.*", skip=2)
    rig.fault("truncate", count=1, operation="reports.*", skip=3)
    rig.fault("cut", count=1, operation="reports.*", skip=4)
    rig.fault("repeat_page", count=1, operation="reports.*", skip=5)
    rig.fault("truncate", count=1, operation="offers.list")
    _traffic(rig, load)


def late(rig: Rig, load: Load) -> None:
    """The feed stalls: nothing newer is shown until later. A rule must not take silence for a lack of conversions."""
    for table in ("clicks", "conversions"):
        rig.integr8.put(f"/_sim/feeds/{table}", json={"stalled": True}).raise_for_status()
    _traffic(rig, load)
    rig.until(lambda: not load.unanswered, "the sender is answered")
    for table in ("conversions", "clicks"):
        rig.integr8.put(f"/_sim/feeds/{table}", json={"stalled": False}).raise_for_status()
