"""Replay rules over the past: one revision, two beside each other, or many thresholds."""
