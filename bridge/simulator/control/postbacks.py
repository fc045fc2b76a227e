"""Postbacks: configure, fire what is due, read their log."""

from bridge.simulator.control.table import Place

PLACES: tuple[Place, ...] = ()
