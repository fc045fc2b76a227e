"""Count false incidents of a network whose tracking works, and measure how soon a break is found.

Twenty advertisers with six offers each for a month. Rates of offers differ by 10% from day to day, are a tenth lower on
weekends, and are known from a week of conversions only. The product's own test looks every hour.
"""

from typing import Any

import numpy as np

from bridge.reports.broken_tracking import BIN, DAY, LOOK_BACK, broken

ADVERTISERS, OFFERS, DAYS, NOISE = 20, 6, 30, 0.1
HOUR = 3600 // BIN  # bins
SEED = 5


def traffic(per_hour: float, *, advertisers: int = ADVERTISERS, days: int = DAYS, seed: int = SEED) -> tuple[Any, Any]:
    """Conversions that came and that were due: one row per offer, one column per quarter of an hour."""
    random = np.random.default_rng(seed)
    rates = random.dirichlet(np.full(OFFERS, 2.0), advertisers).reshape(-1) * per_hour / HOUR
    weekly = np.where(np.arange(days) % 7 >= 5, 0.9, 1.0)
    daily = random.gamma(1 / NOISE**2, NOISE**2, (len(rates), days)) * weekly
    week = rates * 7 * DAY / BIN
    known = random.poisson(week * weekly.mean()) / week
    came = random.poisson(np.repeat(rates[:, None] * daily, DAY // BIN, axis=1)).astype(float)
    due = np.repeat((rates * known)[:, None], came.shape[1], axis=1)
    return came, due


def incidents(came: Any, due: Any, every: int = HOUR) -> list[tuple[int, str]]:
    """(bin, advertiser) of each incident that begins, looked for so often."""
    advertisers = len(came) // OFFERS
    names = ["", *(f"a{number}" for number in range(advertisers))]
    owners = np.repeat(np.arange(advertisers) + 1, OFFERS)
    found: list[tuple[int, str]] = []
    before: set[str] = set()
    for end in range(every, came.shape[1] + 1, every):
        start = max(end - LOOK_BACK // BIN, 0)
        now = set(broken(names, owners, came[:, start:end], due[:, start:end], start * BIN))
        found += [(end, name) for name in sorted(now - before)]
        before = now
    return found


def row(per_hour: float) -> dict[str, Any]:
    """One month without a break, and breaks that begin at noon of day ten."""
    came, due = traffic(per_hour)
    figures = {"conversions an hour": per_hour, "false incidents a month": len(incidents(came, due))}
    begin = 10 * DAY // BIN + DAY // BIN // 2
    for title, lost in (("full", 1.0), ("half", 0.5)):
        random = np.random.default_rng(SEED)
        until = begin + 2 * DAY // BIN
        thinned = random.binomial(came[:, begin:until].astype(int), 1.0 - lost)
        first: dict[str, int] = {}
        for half in (0, 1):  # of the advertisers: if all broke at once, that would be one incident of all of them
            left, whose = came[:, :until].copy(), np.arange(len(came)) // OFFERS % 2 == half
            left[whose, begin:] = thinned[whose]
            for at, name in incidents(left[:, begin - DAY // BIN :], due[:, begin - DAY // BIN : until], every=1):
                if int(name[1:]) % 2 == half:
                    first.setdefault(name, at - DAY // BIN)
        hours = sorted(at / HOUR for at in first.values() if at > 0)
        figures[f"{title} found"] = f"{len(hours)} of {ADVERTISERS}"
        figures[f"{title} after, h"] = float(np.median(hours)) if hours else "never"
    return figures


def run() -> list[dict[str, Any]]:
    """One row per volume."""
    return [row(per_hour) for per_hour in (2, 5, 10, 20, 40)]
