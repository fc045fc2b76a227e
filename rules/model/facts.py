"""The facts that the evaluator may ask for. Live data, rule tests and backtests each answer this protocol.

All columns of one `Facts` are aligned with its subjects: row i of every column speaks of subject i.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from rules.model.formatting import counted
from rules.model.revision import Dimension


class Why(IntEnum):
    """The reason why a cell has no usable value. Zero means that it has one."""

    KNOWN = 0
    MISSING = 1  # never seen, null, or a name that this event does not carry
    TOO_OLD = 2  # the feed's as-of mark is older than the rule's `fresh`
    TOO_FEW = 3  # fewer than `need`
    UNDEFINED = 4  # division by zero, a percentage change of nothing
    MISMATCH = 5  # the types cannot be compared


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """The subject of one verdict: an offer, an offer x publisher pair, an event."""

    per: tuple[Dimension, ...]
    ids: tuple[str, ...]

    def __str__(self) -> str:
        return ",".join(f"{dimension}={value}" for dimension, value in zip(self.per, self.ids, strict=True))

    def get(self, dimension: str) -> str | None:
        """Return the id of one dimension, or None if the subject has no such dimension."""
        return next((value for name, value in zip(self.per, self.ids, strict=True) if name == dimension), None)


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Values with the reasons why they may be unusable. Numbers are float64, everything else object.

    Sums of money come as integer micro-units divided once by 1e6: the nearest double of the exact decimal, so that
    comparing it with the double of a decimal literal is exact.
    """

    values: NDArray[Any]
    why: NDArray[np.uint8]


def all_missing(size: int) -> Column:
    """Return a column of this number of unknown cells."""
    return Column(np.zeros(size), np.full(size, Why.MISSING, np.uint8))


@dataclass(frozen=True, slots=True)
class Arrival:
    """The known conversion lag of a subject."""

    learned: datetime | None  # when the curve was learned; None: no curve is known, every click counts whole
    own: int  # conversions of the subject's own offer behind the curve
    pool: int  # conversions of all offers behind it
    known: bool = True  # False: most click times are missing, conversions count when they happen
    listed: datetime | None = None  # up to when conversions are listed, where that is in batches; None: at once


WHOLE_INTEGRATION = ""  # in place of an advertiser


@dataclass(frozen=True, slots=True)
class Break:
    """Conversions of one advertiser, or of the whole integration, that were due and have not arrived."""

    advertiser: str
    since: datetime
    until: datetime
    seen: int
    due: float

    def __str__(self) -> str:
        return self.told("UTC")

    def told(self, tz: str) -> str:
        """Return a sentence, with its times in a zone."""
        since, until = (moment.astimezone(ZoneInfo(tz)) for moment in (self.since, self.until))
        time_range = f"{since:%d %b %Y %H:%M} to {until:%H:%M %Z}"
        return (
            f"tracking of {_whose(self.advertiser)} looks broken: {self.seen:,} of {self.due:,.0f} conversions "
            f"that were due arrived from {time_range}"
        )


@dataclass(frozen=True, slots=True)
class Untracked:
    """An advertiser, or the whole integration, of which not a single conversion is known although it has clicks."""

    advertiser: str
    since: datetime
    until: datetime
    clicks: int

    @property
    def spares(self) -> bool:
        """Return False if people are told and its items are judged by what they bring."""
        return self.advertiser == WHOLE_INTEGRATION

    def __str__(self) -> str:
        return self.told("UTC")

    def told(self, tz: str) -> str:
        """Return a sentence with the remedy, with its times in a zone."""
        since = f"{self.since.astimezone(ZoneInfo(tz)):%d %b %Y %H:%M %Z}"
        clicks = counted(self.clicks, "click")
        known = f"no conversion of {_whose(self.advertiser)} has arrived since {since} out of {clicks}"
        if self.advertiser == WHOLE_INTEGRATION:
            remedy = (
                "check that the API key may read conversions and that advertisers send postbacks; "
                "pauses for missing conversions begin with the first conversion"
            )
        else:
            remedy = "its items are judged by that; check its postback with a test conversion"
        return f"{known}: {remedy}"


def _whose(advertiser: str) -> str:
    return "the whole integration" if advertiser == WHOLE_INTEGRATION else f"advertiser {advertiser}"


class CohortFacts(Protocol):
    """Conversions by their click, and the clicks whose conversions should be known by now."""

    def by_click(self, name: str, per: tuple[Dimension, ...], start: datetime, end: datetime) -> Column:
        """Return the base metric over conversions whose clicks were in [start, end), as far as they are known."""
        ...

    def due(self, per: tuple[Dimension, ...], start: datetime, end: datetime) -> Column:
        """Return the clicks of [start, end), each weighted by the share of conversions that has arrived at its age."""
        ...

    def arrival(self, subject: Subject) -> Arrival:
        """Return the source of a subject's shares."""
        ...

    def breaks(self) -> Mapping[str, Break | Untracked]:
        """Return advertisers whose conversions are missing, and those of which none was ever known.

        WHOLE_INTEGRATION stands for all of them.
        """
        ...

    def broken(self, rows: NDArray[np.intp]) -> Sequence[Break | Untracked | None]:
        """Return for some subjects what keeps each from being judged by its conversions.

        Any break concerns a subject without a single advertiser. An advertiser that is not tracked concerns such a
        subject if a part of its clicks is for that advertiser.
        """
        ...


class Facts(Protocol):
    """The world as known at one moment, for a fixed list of subjects.

    Facts that several rules query at the same moment may have `once(question, pers, answer)`: it calls `answer` at the
    first query for these subjects and their own parents `pers`, and returns the same object afterwards. Facts that know
    a mirror of Integr8 have `entities(dimension)`: facts about all existing entities of a kind; and
    `known_as(dimension, identity)`, which the function of that name calls.
    """

    @property
    def subjects(self) -> Sequence[Subject]: ...

    def measure(self, name: str, per: tuple[Dimension, ...], start: datetime, end: datetime) -> Column:
        """Return the base metric `name` (rules.model.metrics.BASE, or `events.NAME`) in [start, end), UTC.

        `per` is the subjects' own dimension or a coarser one that follows from it: some of its dimensions, an offer's
        advertiser, or `()` for the whole account. No rows in a time range that the feed has covered is zero; a time
        range that no feed covers is MISSING.
        """
        ...

    def attribute(self, name: str) -> Column:
        """Return the attribute of a dotted name: `offer.active`, `body.deal.type`, `budgets.daily_cap`."""
        ...

    def as_of(self, name: str) -> datetime | None:
        """Return up to when the feed behind the base metric is complete, UTC; None if it was never read."""
        ...

    @property
    def cohorts(self) -> CohortFacts | None:
        """Conversions by their click; None if only plain sums are known."""
        ...

    def settle(self) -> Column:
        """Return the seconds to leave out for `settle: auto`: the measured p90 of click-to-conversion delay."""
        ...


def known_as(facts: object, dimension: Dimension, identity: str) -> tuple[str, ...]:
    """Return every id of an entity, the one of facts first; only the given one if facts do not know it."""
    ask = getattr(facts, "known_as", None)
    return (identity,) if ask is None else ask(dimension, identity)
