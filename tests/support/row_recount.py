"""Clicks and conversions of some offers as plain rows, and what is counted of them in fractions, row by row.

Time ranges, amounts and ratios are worked out here by the words of the reference alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from bridge.reports.entity_lookup import Directory
from bridge.reports.past_facts import Past
from bridge.reports.report_rows import read
from bridge.reports.windows import Windows
from bridge.store.feeds import Kind
from rules.model.facts import Subject

OFFERS = ("1", "2", "3", "4", "5", "6")
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
LONGEST = 16  # days that rows reach back
#: Zones, and a moment near which their clocks change.
NIGHTS = {
    "Europe/Berlin": datetime(2026, 10, 25, 1, tzinfo=UTC),
    "America/New_York": datetime(2026, 3, 8, 7, tzinfo=UTC),
    "Australia/Lord_Howe": datetime(2026, 4, 4, 15, tzinfo=UTC),
    "America/Havana": datetime(2026, 11, 1, 5, tzinfo=UTC),
    "Asia/Kolkata": datetime(2026, 3, 1, tzinfo=UTC),
}
AMOUNTS = ("clicks", "conversions", "approved", "rejected", "payout", "revenue")
#: What is added, what is taken off, and by what the rest is divided.
FORMULAS = {
    "profit": (("revenue",), ("payout",), ()),
    "cr": (("conversions",), (), ("clicks",)),
    "epc": (("payout",), (), ("clicks",)),
    "rpc": (("revenue",), (), ("clicks",)),
    "cpa": (("payout",), (), ("conversions",)),
    "margin": (("revenue",), ("payout",), ("revenue",)),
    "rejection_rate": (("rejected",), (), ("conversions",)),
}
MONEY = ("0", "0.1", "0.3", "1.10", "2.5", "17", "33.333333", "0.000001", "900000.01")
Span = tuple[datetime, datetime]


class Row(NamedTuple):
    """One click, or one conversion."""

    tx: str
    kind: Kind
    offer: str
    at: datetime
    clicked: datetime
    seen: datetime
    weight: int = 1
    payout: str = "0"
    revenue: str = "0"
    status: str = "Approved"

    def adds(self, name: str) -> Fraction:
        """What the row counts for a metric from the reports."""
        if self.kind is Kind.CLICKS:
            return Fraction(self.weight if name == "clicks" else 0)
        if name in {"payout", "revenue"}:
            return Fraction(getattr(self, name) if self.status != "Rejected" else 0)
        return Fraction(name in {"conversions", self.status.lower()})


class Rows:
    """Rows of sixteen days, some of which were listed late."""

    def __init__(self, dice: Random, now: datetime, *, clicks: int = 60, conversions: int = 12, late: float = 0.2):
        self.dice, self.now = dice, now
        self.all: list[Row] = []
        for offer in OFFERS:
            for _ in range(dice.randrange(5, clicks)):
                at = self._back()
                weight, seen = dice.choice([1, 1, 2, 10]), self._seen(at, late)
                self.all.append(Row(f"t{len(self.all)}", Kind.CLICKS, offer, at, at, seen, weight))
            for _ in range(dice.randrange(conversions)):
                self.all.append(self._conversion(offer, late))

    def _back(self) -> datetime:
        return (self.now - timedelta(seconds=self.dice.randrange(1, LONGEST * 86_400))).replace(microsecond=0)

    def _seen(self, at: datetime, late: float) -> datetime:
        return at + timedelta(seconds=self.dice.randrange(60, 3 * 86_400) if self.dice.random() < late else 0)

    def _conversion(self, offer: str, late: float) -> Row:
        clicked = self._back()
        at = clicked + timedelta(seconds=self.dice.choice([0, 60, 5_000, 90_000]))
        paid, brought = self.dice.choice(MONEY), self.dice.choice(MONEY)
        status = self.dice.choice(["Approved", "Approved", "Pending", "Rejected"])
        tx, seen = f"t{len(self.all)}", self._seen(at, late)
        return Row(tx, Kind.CONVERSIONS, offer, at, clicked, seen, payout=paid, revenue=brought, status=status)

    def sum(self, name: str, offers: Iterable[str], spans: Sequence[Span], known: datetime | None, clicked: bool):
        """A metric from the reports; `clicked` counts rows when their click was. Time ranges may overlap."""
        wanted = set(offers)
        rows = [row for row in self.all if row.offer in wanted and (known is None or row.seen <= known)]
        moments = [(row.clicked if clicked else row.at, row.adds(name)) for row in rows]
        return sum((adds for start, end in spans for at, adds in moments if start <= at < end), Fraction(0))

    def measure(self, name: str, offers: Iterable[str], spans: Sequence[Span], known: datetime | None):
        """Any metric; None where it divides by nothing. Ratios per click count what came of the clicks."""
        if name in AMOUNTS:
            return self.sum(name, offers, spans, known, clicked=False)
        plus, minus, over = FORMULAS[name]
        clicked = over == ("clicks",)
        top = sum(self.sum(one, offers, spans, known, clicked) for one in plus) - sum(
            self.sum(one, offers, spans, known, clicked) for one in minus
        )
        if not over:
            return top
        below = self.sum(over[0], offers, spans, known, clicked)
        return top / below if below else None

    def past(self) -> Past:
        """The same rows for the evaluator, all at once."""
        made = empty_past(self.now - 60 * DAY)
        self.load(made, self.all)
        return made

    def come_in(self, past: Past, after: datetime | None, until: datetime) -> None:
        """Take in what a report listed meanwhile."""
        self.load(past, [row for row in self.all if (after is None or row.seen > after) and row.seen <= until])

    @staticmethod
    def load(past: Past, rows: Sequence[Row]) -> None:
        for kind in (Kind.CLICKS, Kind.CONVERSIONS):
            told = [row for row in rows if row.kind is kind]
            if told:
                batch = read(kind, [_listed(row) for row in told], [int(row.seen.timestamp()) for row in told]).batch
                weight = np.array([row.weight for row in told], np.int32)
                past.windows.load(kind, [replace(batch, weight=weight)])


def _listed(row: Row) -> dict[str, str]:
    """A row as a report has it."""
    common = {"transaction_id": row.tx, "click_time": _text(row.clicked), "offer_id": row.offer}
    if row.kind is Kind.CLICKS:
        return common
    return {
        **common,
        "conversion_time": _text(row.at),
        "payout": row.payout,
        "revenue": row.revenue,
        "status": row.status,
    }


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def empty_past(since: datetime) -> Past:
    """What the evaluator asks, before any row is known."""
    subjects = tuple(Subject(("offer",), (one,)) for one in OFFERS)
    return Past(Windows(delays=True), subjects, directory=Directory(), since=since)


# --- time ranges -----------------------------------------------------------------------------------


def wall(moment: datetime, zone: str, days: int) -> datetime:
    """The same time by the clock on the wall, so many days before."""
    local = moment.astimezone(ZoneInfo(zone))
    naive = local.replace(tzinfo=None) - days * DAY
    return naive.replace(tzinfo=ZoneInfo(zone), fold=local.fold).astimezone(UTC)


def midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def edges(window: str, now: datetime, zone: str, settle: timedelta = timedelta(0)) -> Span:
    """Beginning and end of a window, of which the newest part is left out."""
    today = now.astimezone(ZoneInfo(zone)).date()
    monday = today - today.weekday() * DAY
    end = now - settle
    match window:
        case "today":
            return midnight(today, zone), end
        case "yesterday":
            return midnight(today - DAY, zone), min(midnight(today, zone), end)
        case "this_week":
            return midnight(monday, zone), end
        case "last_week":
            return midnight(monday - 7 * DAY, zone), min(midnight(monday, zone), end)
    return end - timedelta(hours=int(window.removesuffix("h"))), end


def scale(own: Span, spans: Sequence[Span]) -> Fraction | None:
    """By what an amount of other time ranges is brought to the length of a window; None where they are empty."""
    length = sum((end - start for start, end in spans if end > start), timedelta(0))
    return Fraction(max(own[1] - own[0], timedelta(0)) // SECOND, length // SECOND) if length else None
