"""Control the download centre: hold a job in a state, fail it, finish it now."""

from typing import Any

from bridge.simulator.control.table import Asking, Place
from bridge.simulator.jobs import FAILED, STATES
from bridge.simulator.world import World


def _change(world: World, asking: Asking) -> Any:
    job = world.jobs.find(asking.path["key"])
    if "held" in asking.body:
        job.held = bool(asking.body["held"])
    if "fail_with" in asking.body:
        job.fail_with = asking.text("fail_with")
    if "status" in asking.body:
        job.status, job.updated_at = asking.choice("status", STATES), world.clock.now()
        job.error = job.fail_with if job.status == FAILED else ""
    world.catch_up()
    return job.view()


PLACES = (
    Place("PATCH", "/exports/<key>", _change, "{held: true} stops its clock; {fail_with: words}; {status: CANCELED}"),
)
