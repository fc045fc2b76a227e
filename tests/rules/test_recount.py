"""Verdicts and calendar windows counted again in plain Python, with fractions and by listing quarters of an hour."""

import json
import operator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random
from zoneinfo import ZoneInfo

import pytest

from rules.evaluation.evaluate import evaluate
from rules.evaluation.windows import time_range
from rules.model.revision import Calendar
from rules.model.verdicts import Answer

COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq}
RATIOS = {"cr": ("conversions", "clicks"), "epc": ("payout", "clicks"), "cpa": ("payout", "conversions")}
NUMBERS = ("0", "1", "3", "100", "0.1", "0.3", "0.07", "33.33", "1%", "0.4%", "1.1%", "33.3%", "12.5%")
CHANGES = ("10%", "50%", "12.5%")
NAMES = ("clicks", "conversions", "payout", *RATIOS)


def number(text):
    return Fraction(text.removesuffix("%")) / (100 if text.endswith("%") else 1)


def measured(name, amounts):
    above, below = RATIOS.get(name, (name, None))
    if below is None:
        return Fraction(amounts[above])
    return Fraction(amounts[above]) / amounts[below] if amounts[below] else None


def compared(random):
    """A condition, and the same in plain Python: True, False, or None where it is undecided."""
    name, op, line = random.choice(NAMES), random.choice([*COMPARE]), random.choice(NUMBERS)

    def recount(now, _before):
        value = measured(name, now)
        return None if value is None else COMPARE[op](value, number(line))

    return f"{name} {op} {line}", recount


def changed(random):
    name, direction, line = random.choice(NAMES), random.choice(["up", "down"]), random.choice(CHANGES)

    def recount(now, before):
        value, base = measured(name, now), measured(name, before)
        if value is None or not base:
            return None
        base = base if name in RATIOS else base / 7
        return (value / base - 1) * (1 if direction == "up" else -1) >= number(line)

    return f"{name} {direction} {line} vs 7d", recount


def joined(random, depth=0):
    kind = random.choice(["test", "test", "test", "not", "and", "or"]) if depth < 3 else "test"
    if kind == "test":
        return random.choice([compared, compared, changed])(random)
    parts = [joined(random, depth + 1) for _ in range(1 if kind == "not" else 2)]
    deciding = kind == "or"

    def recount(now, before):
        found = [recount(now, before) for _, recount in parts]
        if kind == "not":
            return None if found[0] is None else not found[0]
        return deciding if deciding in found else None if None in found else not deciding

    texts = [f"({text})" for text, _ in parts]
    return f"not {texts[0]}" if kind == "not" else f" {kind} ".join(texts), recount


def amounts(random):
    return {
        "clicks": random.choice([0, 1, 3, 7, 100, 300, 1000]),
        "conversions": random.choice([0, 1, 3, 11]),
        "payout": Fraction(random.choice([0, 7, 10, 21, 30, 33, 100, 3333]), 100),
    }


def test_verdicts_are_those_that_fractions_give(rule, offers, now):
    random = Random(11)
    world = [(amounts(random), amounts(random)) for _ in range(60)]
    facts = offers()
    for identity, (current, past) in enumerate(world):
        facts.add(identity, **{name: [(1, float(current[name])), (30, float(past[name]))] for name in current})
    seen = set()
    for _ in range(60):
        text, recount = joined(random)
        found = evaluate(rule(json.dumps([text])), facts, now).answers.tolist()
        wanted = [{True: Answer.YES, False: Answer.NO, None: Answer.NO_DECISION}[recount(*one)] for one in world]
        assert found == wanted, text
        seen |= set(wanted)
    assert len(seen) == 3


ODD = (
    *("Australia/Lord_Howe", "Pacific/Chatham", "America/St_Johns", "Antarctica/Troll"),
    *("America/Santiago", "Asia/Beirut"),  # days without a midnight
)
QUARTER = timedelta(minutes=15)


def is_in(unit, day, today):
    monday, yesterday = today - timedelta(days=today.weekday()), today - timedelta(days=1)
    return {
        "today": lambda: day == today,
        "yesterday": lambda: day == yesterday,
        "this_week": lambda: monday <= day,
        "last_week": lambda: monday - timedelta(days=7) <= day < monday,
    }[unit]()


def change_of(zone):
    """The hour of 2027 in which the clocks of a zone change first."""
    hours = [datetime(2027, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(24 * 365)]
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
    return next(hour for hour, before, after in zip(hours[1:], offsets, offsets[1:], strict=False) if before != after)


@pytest.mark.parametrize("name", ODD)
def test_calendar_windows_hold_every_moment_of_their_days_and_no_other(name):
    zone = ZoneInfo(name)
    change = change_of(zone)
    quarters = [change - timedelta(days=16) + QUARTER * one for one in range(21 * 96)]
    days = {one: one.astimezone(zone).date() for one in quarters}
    for minutes in (-1500, -61, -30, -1, 0, 1, 29, 31, 60, 90, 700, 1440, 5000):
        now = change + timedelta(minutes=minutes)
        today = now.astimezone(zone).date()
        for unit in ("today", "yesterday", "this_week", "last_week"):
            inside = [one for one in quarters if one < now and is_in(unit, days[one], today)]
            found = time_range(Calendar(unit), now, timedelta(0), name)
            wanted = (inside[0], min(inside[-1] + QUARTER, now)) if inside else (found.start, found.start)
            assert (found.start, min(found.end, now)) == wanted, (unit, now)
