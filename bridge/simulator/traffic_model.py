"""Model how people click and buy. Everything follows from the seed.

Offers convert differently, publishers differ in quality, a day has its curve, a conversion its delay; there
are bursts of fraud and hours of broken tracking.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from bridge.simulator.errors import bad
from bridge.simulator.repositories import Entity
from bridge.simulator.visitors import VISITORS

HOUR: Final = 3_600_000  # milliseconds
DAY: Final = 24 * HOUR
# Share of each hour of the day, UTC: quiet nights, a bump at noon, a long evening.
CURVE: Final = np.array(
    [2.2, 1.6, 1.2, 1.0, 1.0, 1.3, 2.2, 3.4, 4.3, 4.8, 5.0, 5.2,
     5.4, 5.0, 4.8, 4.8, 5.0, 5.4, 6.0, 6.6, 6.8, 6.4, 5.2, 3.4]
)  # fmt: skip
MEDIAN_DELAY: Final = 12 * 60.0  # seconds from click to conversion; log-normal, so with a long tail
SPREAD: Final = 1.1
MAX_DELAY_SECONDS: Final = 72 * 3600.0
FRAUD_CR: Final = 0.0005
REASONS: Final = ("DUPLICATE_IP", "VPN", "click_flooding", "Bot")


@dataclass(frozen=True, slots=True)
class Profile:
    """The habits of an offer (`cr`, `weight`) or a publisher: `quality` multiplies the rate, `rejects` is a share."""

    cr: float = 0.0
    weight: float = 1.0
    quality: float = 1.0
    rejects: float = 0.0


@dataclass(frozen=True, slots=True)
class Incident:
    """A time range with a problem: `fraud` floods one publisher, `broken` loses conversions."""

    kind: str
    start: int
    end: int
    publisher: int | None = None
    advertiser: int | None = None
    factor: float = 20.0  # fraud: so many times the publisher's usual clicks

    def covers(self, at: int) -> bool:
        return self.start <= at < self.end


@dataclass(frozen=True, slots=True)
class Habits:
    """The general form of the traffic."""

    clicks_per_day: float = 2000.0
    late_rejections: float = 0.03  # share of approved conversions that are rejected after hours
    refused_pending: float = 0.10  # share of pending ones that are rejected in the end
    events: float = 0.30  # share of conversions that a further event follows
    purchases: float = 40.0  # mean purchase value
    impressions: float = 0.0  # per click; none by default, few networks count them

    def changed(self, requested: Mapping[str, Any]) -> "Habits":
        for name, value in requested.items():
            if name not in self.__slots__:
                raise bad(name, f"unknown; known are {', '.join(self.__slots__)}")
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
                raise bad(name, "must be a number, zero or more")
        return Habits(**{name: float(requested.get(name, getattr(self, name))) for name in self.__slots__})


@dataclass(frozen=True, slots=True)
class Visit:
    """One planned click, and its consequences if it is admitted."""

    at: int
    offer: int
    publisher: int
    visitor: int
    sub_id: str
    converts_at: int | None
    reject_with: str
    purchase: float


@dataclass(frozen=True, slots=True)
class Crowd:
    """The offers and publishers with traffic, and their shares of it."""

    offers: Sequence[Entity]
    publishers: Sequence[Entity]
    pull: Sequence[float]
    push: Sequence[float]


@dataclass(slots=True)
class Model:
    seed: int
    habits: Habits = field(default_factory=Habits)
    offers: dict[int, Profile] = field(default_factory=dict)
    publishers: dict[int, Profile] = field(default_factory=dict)
    incidents: list[Incident] = field(default_factory=list)

    def offer(self, number: int) -> Profile:
        """Return the profile of an offer, by default from the seed.

        Rates go from 0.5% to 6%, and a few offers have most of the traffic.
        """
        if number not in self.offers:
            dice = np.random.default_rng([self.seed, 1, number])
            rate = math.exp(dice.uniform(math.log(0.005), math.log(0.06)))
            self.offers[number] = Profile(cr=rate, weight=float(dice.pareto(2.0) + 0.2))
        return self.offers[number]

    def publisher(self, number: int) -> Profile:
        if number not in self.publishers:
            dice = np.random.default_rng([self.seed, 2, number])
            quality, rejects = float(dice.uniform(0.4, 1.6)), float(dice.uniform(0.02, 0.15))
            self.publishers[number] = Profile(weight=float(dice.pareto(2.0) + 0.2), quality=quality, rejects=rejects)
        return self.publishers[number]

    def hour(self, hour: int, offers: Sequence[Entity], publishers: Sequence[Entity]) -> Iterator[Visit]:
        """Yield all visits of one hour since 1970, unsorted. The same world and seed give the same hour."""
        if not offers or not publishers:
            return
        dice = np.random.default_rng([self.seed, 3, hour])
        usual = self.habits.clicks_per_day * float(CURVE[hour % 24] / CURVE.sum())
        pull = _shares([self.offer(each.number).weight for each in offers])
        push = _shares([self.publisher(each.number).weight for each in publishers])
        crowd = Crowd(offers, publishers, pull, push)
        yield from self._visits(dice, hour, int(dice.poisson(usual)), crowd)
        for incident in self.incidents:
            yield from self._fraud(dice, hour, usual, crowd, incident=incident)

    def broken(self, advertiser: int, at: int) -> bool:
        """Return whether the conversion is lost because the advertiser's tracking is broken."""
        return any(
            each.kind == "broken" and each.advertiser in {None, advertiser} and each.covers(at)
            for each in self.incidents
        )

    def _fraud(
        self, dice: np.random.Generator, hour: int, usual: float, crowd: Crowd, *, incident: Incident
    ) -> Iterator[Visit]:
        ours = [at for at, each in enumerate(crowd.publishers) if each.number == incident.publisher]
        if incident.kind != "fraud" or not ours:
            return
        many = int(dice.poisson(usual * crowd.push[ours[0]] * incident.factor))
        alone = replace(crowd, publishers=[crowd.publishers[ours[0]]], push=[1.0])
        for visit in self._visits(dice, hour, many, alone, cr=FRAUD_CR):
            if incident.covers(visit.at):
                yield visit

    def _visits(
        self, dice: np.random.Generator, hour: int, many: int, crowd: Crowd, *, cr: float | None = None
    ) -> Iterator[Visit]:
        """Yield visits, drawn column by column, because a month of them must take a second and not a minute."""
        what = dice.choice(len(crowd.offers), many, p=crowd.pull)
        who = dice.choice(len(crowd.publishers), many, p=crowd.push)
        rates = np.array([self.offer(each.number).cr for each in crowd.offers])
        quality = np.array([self.publisher(each.number).quality for each in crowd.publishers])
        rejects = np.array([self.publisher(each.number).rejects for each in crowd.publishers])
        when = hour * HOUR + dice.integers(0, HOUR, many)
        buys = dice.random(many) < (rates[what] * quality[who] if cr is None else cr)
        seconds = np.minimum(dice.lognormal(math.log(MEDIAN_DELAY), SPREAD, many), MAX_DELAY_SECONDS)
        refused = dice.random(many) < rejects[who]
        reasons = dice.integers(0, len(REASONS), many)
        sub = dice.geometric(0.25, many)
        visitors = dice.integers(0, len(VISITORS), many)
        worth = dice.gamma(2.0, self.habits.purchases / 2, many)
        columns = (what, who, when, buys, when + (seconds * 1000).astype(int), refused, reasons, sub, visitors, worth)
        for a, b, at, bought, later, no, reason, number, face, money in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            yield Visit(
                at,
                crowd.offers[a].number,
                crowd.publishers[b].number,
                face,
                f"s{number}" if cr is None else "burst",
                later if bought else None,
                REASONS[reason] if no else "",
                round(money, 2),
            )


def _shares(weights: Sequence[float]) -> list[float]:
    whole = sum(weights)
    return [weight / whole for weight in weights]
