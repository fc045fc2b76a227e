"""Integr8 Bridge: all input, output and storage. `rules` decides."""

from bridge.config import time_zones

TIME_ZONES = time_zones.IN_USE  # chosen before any module below can make a zone
