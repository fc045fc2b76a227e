"""`integr8-bridge simulator`: a stateful Integr8 on this machine."""

from bridge.simulator.command import simulator

__all__ = ["simulator"]
