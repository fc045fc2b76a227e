"""Answers over rows of reports, counted once more in fractions and by lists of rows, where clocks change.

Windows, `ago`, baselines, `same hours`, peers and places are worked out here by the words of the reference alone.
"""

import operator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.reports.entity_lookup import Directory
from bridge.reports.past_facts import Past
from bridge.reports.report_rows import read
from bridge.reports.windows import Windows
from bridge.store.feeds import Kind
from rules.evaluation.evaluate import evaluate
from rules.loading.load import Environment, load
from rules.model.facts import Subject

OFFERS = ("1", "2", "3", "4", "5", "6")
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
#: Zones, and a moment near which their clocks change.
NIGHTS = {
    "Europe/Berlin": datetime(2026, 10, 25, 1, tzinfo=UTC),
    "America/New_York": datetime(2026, 3, 8, 7, tzinfo=UTC),
    "Australia/Lord_Howe": datetime(2026, 4, 4, 15, tzinfo=UTC),
    "America/Havana": datetime(2026, 11, 1, 5, tzinfo=UTC),
    "Asia/Kolkata": datetime(2026, 3, 1, tzinfo=UTC),
}
COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
RULE = """schema: 1
id: t
trigger: {every: 15m}
scope: {per: [offer]}
data: {window: WINDOW, tz: ZONE}
when: ['WHEN']
then: [{notify: a}]
"""


class World:
    """Clicks of six offers over sixteen days, and the same as a list."""

    def __init__(self, dice, now):
        self.rows = []
        for offer in OFFERS:
            for _ in range(dice.randrange(5, 60)):
                moment = now - timedelta(seconds=dice.randrange(1, 16 * 86_400))
                self.rows.append((offer, moment.replace(microsecond=0), dice.choice([1, 1, 2, 10])))
        windows = Windows(delays=True)
        told = [
            {"transaction_id": f"c{number}", "click_time": f"{at:%Y-%m-%d %H:%M:%S}", "offer_id": offer}
            for number, (offer, at, _) in enumerate(self.rows)
        ]
        batch = read(Kind.CLICKS, told, now).batch
        order = np.array([weight for _, _, weight in self.rows], np.int32)
        windows.load(Kind.CLICKS, [replace(batch, weight=order, seen=batch.event)])
        self.past = Past(windows, tuple(Subject(("offer",), (one,)) for one in OFFERS), since=now - 60 * DAY)
        self.past.directory = Directory()

    def clicks(self, offer, start, end):
        return Fraction(sum(weight for one, at, weight in self.rows if one == offer and start <= at < end))


def wall(moment, zone, days):
    """The same time by the clock on the wall, so many days before."""
    local = moment.astimezone(ZoneInfo(zone))
    naive = local.replace(tzinfo=None) - days * DAY
    return naive.replace(tzinfo=ZoneInfo(zone), fold=local.fold).astimezone(UTC)


def midnight(day, zone):
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def edges(window, now, zone):
    """Beginning and end of a window."""
    today = now.astimezone(ZoneInfo(zone)).date()
    match window:
        case "today":
            return midnight(today, zone), now
        case "yesterday":
            return midnight(today - DAY, zone), midnight(today, zone)
        case "this_week":
            return midnight(today - today.weekday() * DAY, zone), now
        case "last_week":
            monday = today - today.weekday() * DAY
            return midnight(monday - 7 * DAY, zone), midnight(monday, zone)
    return now - timedelta(hours=int(window.removesuffix("h"))), now


class Question:
    """One measured window, and what conditions about it must say of an offer: True, False, None for no decision."""

    def __init__(self, dice, world, now, zone):
        self.dice, self.world, self.zone = dice, world, zone
        self.window = dice.choice(["3h", "24h", "60h", "today", "yesterday", "this_week", "last_week"])
        ago = dice.choice([0, 0, 1, 7])
        self.there = wall(now, zone, ago)
        self.own = edges(self.window, self.there, zone)
        self.measured = f"clicks over {self.window}" + (f" ago {ago}d" if ago else "")
        self.direction, self.share = dice.choice(["up", "down"]), dice.choice([10, 25, 50, 100])

    def count(self, offer, span=None):
        return self.world.clicks(offer, *(span or self.own))

    def change(self, value, base):
        if not base:
            return None
        return (value / base - 1) * (1 if self.direction == "up" else -1) >= Fraction(self.share, 100)

    def scaled(self, offer, spans):
        """What an offer had in other time ranges, brought to the length of the window; None where they are empty."""
        own, length = self.own[1] - self.own[0], sum((end - start for start, end in spans), timedelta(0))
        found = sum((self.count(offer, span) for span in spans), Fraction(0))
        return found * Fraction(own // SECOND, length // SECOND) if length else None

    def plain(self):
        op = self.dice.choice([*COMPARE])
        line = self.dice.choice([self.count(self.dice.choice(OFFERS)), Fraction(self.dice.randrange(60))])
        return f"{self.measured} {op} {line}", lambda one: COMPARE[op](self.count(one), line)

    def baseline(self):
        against = self.dice.choice(["24h", "yesterday", "last_week"])
        span = (self.own[0] - DAY, self.own[0]) if against == "24h" else edges(against, self.there, self.zone)
        if (self.window, against) == ("this_week", "last_week"):
            span = span[0], min(wall(self.own[1], self.zone, 7), span[1])
        text = f"{self.measured} {self.direction} {self.share}% vs {against}"
        return text, lambda one: self.change(self.count(one), self.scaled(one, [span]))

    def same_hours(self):
        spans = [tuple(wall(moment, self.zone, days) for moment in self.own) for days in range(1, 4)]
        spans = [(start, end) for start, end in spans if start < end] or spans
        text = f"{self.measured} {self.direction} {self.share}% vs 3d same hours"
        return text, lambda one: self.change(self.count(one), self.scaled(one, spans))

    def peers(self):
        def holds(one):
            return self.change(
                self.count(one), Fraction(sum(self.count(b) for b in OFFERS if b != one), len(OFFERS) - 1)
            )

        return f"{self.measured} {self.direction} {self.share}% vs peers", holds

    def place(self):
        most, side = self.dice.randrange(1, 5), self.dice.choice(["top", "bottom"])
        sign = -1 if side == "top" else 1

        def holds(one):
            return sum(sign * self.count(other) <= sign * self.count(one) for other in OFFERS) <= most

        return f"{side} {most} by {self.measured}", holds


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), zone=st.sampled_from(sorted(NIGHTS)), minutes=st.integers(-3 * 1440, 8 * 1440))
@example(seed=1, zone="Europe/Berlin", minutes=0)
@example(seed=2, zone="America/New_York", minutes=5595)  # seven days ago it was another day by elapsed time
def test_answers_are_those_that_lists_of_rows_give(seed, zone, minutes):
    dice, now = Random(seed), NIGHTS[zone] + timedelta(minutes=minutes)
    world = World(dice, now)
    for _ in range(8):
        question = Question(dice, world, now, zone)
        asked = dice.choice([question.plain, question.baseline, question.same_hours, question.peers, question.place])
        when, expected = asked()
        text = RULE.replace("WHEN", when).replace("ZONE", zone).replace("WINDOW", "24h")
        loaded = load(text, name="t", environment=Environment())
        assert loaded.revisions, (when, loaded.errors)
        found = evaluate(loaded.revisions[0], world.past.undisturbed(now), now)
        answers = {str(subject.ids[0]): int(found.answers[row]) for row, subject in enumerate(found.subjects)}
        wanted = {one: {True: 1, False: 0, None: -1}[expected(one)] for one in OFFERS}
        assert answers == wanted, (when, now, zone)
