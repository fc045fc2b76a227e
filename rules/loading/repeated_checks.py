"""Estimate how many subjects exactly at a threshold get a yes of plain `@95%` at least once in a month of checks."""

from datetime import timedelta
from functools import cache

import numpy as np

PATHS = 400
MONTH = timedelta(days=30)
MAX_STEPS = 3_000  # of a month; more looks inside so short a window hardly add anything
STEPS_OF_A_WINDOW = 96
SEED = 7


@cache
def share_taken(z: float, window: timedelta, interval: timedelta) -> float:
    """Return the share, for subjects with enough traffic that a ratio over the window is nearly normal.

    `z`: the one-sided normal quantile of the confidence. The deviation of a ratio over a moving window is that of a
    random walk over the length of the window.
    """
    step = max(interval, window / STEPS_OF_A_WINDOW, MONTH / MAX_STEPS)
    inside, looks = max(round(window / step), 1), int(MONTH / step)
    random = np.random.default_rng(SEED)
    steps = random.standard_normal((PATHS, inside + looks))
    walk = np.cumsum(np.hstack([np.zeros((PATHS, 1)), steps]), axis=1)
    deviations = (walk[:, inside:] - walk[:, :-inside]) / np.sqrt(inside)
    return float((deviations.min(axis=1) < -z).mean())
