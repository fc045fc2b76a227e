"""Integr8 Bridge: everything with input and output, and everything that is stored. `rules` decides."""

from bridge.config import time_zones

TIME_ZONES = time_zones.IN_USE  # chosen before any module below can make a zone
