"""Replay rules over the past: one revision, two side by side, or many thresholds."""
