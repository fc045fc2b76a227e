"""A stateful Integr8 over HTTP, for tests, demos and rehearsals.

It behaves as the reference says and, where that is silent, as the facts infer; `Options` turns what is not
known. It knows the operation catalogue and its schemas, and nothing else of this project.
"""

from bridge.simulator.app import create_app
from bridge.simulator.clock import Clock
from bridge.simulator.options import Options
from bridge.simulator.world import World

__all__ = ["Clock", "Options", "World", "create_app"]
