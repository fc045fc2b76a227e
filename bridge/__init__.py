"""Integr8 Bridge: the ways in and out, and what is remembered."""

from bridge.config import time_zones

TIME_ZONES = time_zones.IN_USE  # chosen before any module below can make a zone
