"""Answers over rows of reports, counted once more in fractions and by lists of rows, where clocks change.

Counts, money and ratios over windows, `ago`, baselines, `same hours`, peers, places, tables, samples: live, in a
process that has followed the rows as they came, and in one that has just read them all. Thresholds are met exactly
wherever a decimal can say them.
"""

import operator
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st
from row_recount import DAY, FORMULAS, NIGHTS, OFFERS, Rows, edges, empty_past, scale, wall

from bridge.config.lookup_tables import Table
from bridge.config.table_rows import TableRow
from rules.evaluation.evaluate import evaluate
from rules.loading.load import Environment, load

COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
METRICS = ("clicks", "conversions", "payout", "revenue", "rejected", *FORMULAS)
RATIOS = {name for name, (_, _, over) in FORMULAS.items() if over}
LARGER_IS_WORSE = {"cpa", "rejection_rate", "rejected"}
HOME = Environment(tables={"caps": ("offer", "most")})
RULE = """schema: 1
id: t
trigger: {every: 15m}
scope: {per: [offer], join: {caps: offer.id}}
data: {window: 24h, settle: SETTLEm, need: NEED, tz: ZONE}
when: ['WHEN']
then: [{notify: a}]
"""


def decimal(number):
    """The number as a decimal of at most nine places: itself, where one says it."""
    return Decimal(round(number * 10**9)).scaleb(-9).normalize()


def written(number):
    return f"{decimal(number):f}"


class Question:
    """One measured window, and what conditions about it must say of an offer: True, False, None for no decision."""

    def __init__(self, dice, rows, now, known, zone, settle):
        self.dice, self.rows, self.now, self.known, self.zone, self.settle = dice, rows, now, known, zone, settle
        self.name = dice.choice(METRICS)
        self.window = dice.choice(["3h", "24h", "60h", "200h", "today", "yesterday", "this_week", "last_week"])
        ago = dice.choice([0, 0, 0, 1, 7])
        self.there = wall(now, zone, ago)
        self.own = edges(self.window, self.there, zone, settle)
        self.measured = f"{self.name} over {self.window}" + (f" ago {ago}d" if ago else "")
        self.caps = {}

    def of(self, offers, spans=None, name=None):
        """None also where no part of a window is over."""
        spans = spans or [self.own]
        begun = all(start < end for start, end in spans)
        return self.rows.measure(name or self.name, offers, spans, self.known) if begun else None

    def line(self):
        """A number that some offer meets exactly, if a decimal can say it, or one beside it."""
        value = self.of([self.dice.choice(OFFERS)]) or Fraction(0)
        return Fraction(decimal(value)) + Fraction(self.dice.choice([0, 0, 0, 1, -1]), 10**6)

    def compared(self, op, value, line):
        return None if value is None or line is None else COMPARE[op](value, line)

    def plain(self):
        op, line = self.dice.choice([*COMPARE]), self.line()
        return f"{self.measured} {op} {written(line)}", lambda one: self.compared(op, self.of([one]), line)

    def share(self):
        op, other, part = self.dice.choice([*COMPARE]), self.dice.choice(METRICS), self.dice.choice([10, 50, 80, 100])

        def holds(one):
            line = self.of([one], name=other)
            return self.compared(op, self.of([one]), None if line is None else line * part / 100)

        return f"{self.measured} {op} {part}% * {self.measured.replace(self.name, other, 1)}", holds

    def table(self):
        op, part = self.dice.choice([*COMPARE]), self.dice.choice([10, 33, 80, 100, 125])
        for one in OFFERS[1:]:  # the first has no row
            self.caps[one] = decimal((self.of([one]) or 0) * 100 / part)
        return f"{self.measured} {op} {part}% * caps.most", lambda one: self.compared(
            op, self.of([one]), Fraction(self.caps[one]) * part / 100 if one in self.caps else None
        )

    def changed(self, bases, against):
        """The value of each offer against another number of its own."""
        direction = self.dice.choice(["up", "down"])
        sign = 1 if direction == "up" else -1
        known = [(self.of([one]), bases[one]) for one in OFFERS]
        met = [sign * (value / base - 1) * 100 for value, base in known if value is not None and base]
        most = 999 if direction == "up" else 100  # the language knows no loss of more than everything
        met = [one for one in met if 0 < one <= most and one * 10**4 == int(one * 10**4)]
        part = Fraction(self.dice.choice([*met, 10, 25, 50, 100]))

        def holds(one):
            value, base = self.of([one]), bases[one]
            if value is None or not base:
                return None
            return sign * (value - base) >= abs(base) * part / 100

        return f"{self.measured} {direction} {written(part)}% vs {against}", holds

    def in_spans(self, spans):
        """What each offer had in other time ranges: ratios as they are, amounts brought to the length of the window."""
        factor = scale(self.own, spans)
        found = {one: self.of([one], spans) for one in OFFERS}
        if self.name in RATIOS:
            return found
        return {one: None if factor is None or value is None else value * factor for one, value in found.items()}

    def baseline(self):
        against = self.dice.choice(["24h", "100h", "yesterday", "last_week"])
        span = edges(against, self.there, self.zone)
        if against.endswith("h"):
            span = self.own[0] - (span[1] - span[0]), self.own[0]
        if (self.window, against) == ("this_week", "last_week"):
            span = span[0], min(wall(self.own[1], self.zone, 7), span[1])
        return self.changed(self.in_spans([span]), against)

    def same_hours(self):
        spans = [tuple(wall(moment, self.zone, days) for moment in self.own) for days in range(1, 4)]
        spans = [(start, end) for start, end in spans if start < end] or spans
        return self.changed(self.in_spans(spans), "3d same hours")

    def peers(self):
        bases = {}
        for one in OFFERS:
            others = [other for other in OFFERS if other != one]
            value = self.of(others)
            bases[one] = value if self.name in RATIOS or value is None else value / len(others)
        return self.changed(bases, "peers")

    def place(self):
        most, side = self.dice.randrange(1, 5), self.dice.choice(["top", "bottom", "worst", "best"])
        if (side in {"worst", "best"} and self.name == "payout") or self.name == "epc":
            side = "top"
        largest = {"top": True, "bottom": False}.get(side, (self.name in LARGER_IS_WORSE) is (side == "worst"))
        sign = -1 if largest else 1
        values = {one: self.of([one]) for one in OFFERS if not self.is_short(one)}
        ranked = [value for value in values.values() if value is not None]

        def holds(one):
            value = values.get(one)
            if value is None or len(ranked) <= most:
                return None
            return sum(sign * other <= sign * value for other in ranked) <= most

        return f"{side} {most} by {self.measured}", holds

    need = ("clicks", Fraction(0))

    def is_short(self, one):
        name, least = self.need
        return self.of([one], [edges("24h", self.now, self.zone, self.settle)], name) < least


ASKED = ("plain", "share", "table", "baseline", "same_hours", "peers", "place")


def joined(dice, parts):
    """Two conditions as one, by three-valued logic."""
    (left, one), (right, other) = parts
    word, turned = dice.choice(["and", "or"]), dice.random() < 0.5

    def holds(offer):
        found = [one(offer), other(offer)]
        if turned:
            found[1] = None if found[1] is None else not found[1]
        deciding = word == "or"
        return deciding if deciding in found else None if None in found else not deciding

    return f"({left}) {word} {'not ' if turned else ''}({right})", holds


def asked(dice, *about):
    """A condition, the sample that it needs, and its answer for each offer."""
    questions = [Question(dice, *about) for _ in range(dice.choice([1, 1, 2]))]
    need = dice.choice([("clicks", Fraction(0)), ("clicks", Fraction(dice.randrange(30))), ("payout", Fraction("0.3"))])
    parts, caps = [], {}
    for question in questions:
        question.need, question.caps = need, caps
        text, holds = getattr(question, dice.choice(ASKED))()
        parts.append((text, lambda one, holds=holds, q=question: None if q.is_short(one) else holds(one)))
    text, holds = parts[0] if len(parts) == 1 else joined(dice, parts)
    return text, need, caps, {one: {True: 1, False: 0, None: -1}[holds(one)] for one in OFFERS}


def rule(when, need, zone, settle):
    text = RULE.replace("WHEN", when).replace("ZONE", zone).replace("SETTLE", f"{settle // timedelta(minutes=1)}")
    loaded = load(text.replace("NEED", f"{{{need[0]}: {written(need[1])}}}"), name="t", environment=HOME)
    assert loaded.revisions, (when, loaded.errors)
    return loaded.revisions[0]


def answers(past, facts, revision, caps):
    rows = tuple(TableRow({"offer": one, "most": most}) for one, most in caps.items())
    past.tables, past.joins = {"caps": Table("caps", ("offer", "most"), rows, ("offer",))}, {"caps": ("offer.id",)}
    past._attributes.clear()
    found = evaluate(revision, facts, facts.now)
    return {str(subject.ids[0]): int(found.answers[row]) for row, subject in enumerate(found.subjects)}


moments = {
    "seed": st.integers(0, 2**32), "zone": st.sampled_from(sorted(NIGHTS)), "minutes": st.integers(-3 * 1440, 8 * 1440),
}  # fmt: skip


@settings(max_examples=40)
@given(**moments)
@example(seed=1, zone="Europe/Berlin", minutes=0)
@example(seed=2, zone="America/New_York", minutes=5595)  # seven days ago it was another day by elapsed time
@example(seed=45010, zone="America/Havana", minutes=0)  # a profit of 0.3 from amounts of 900,000, a third of them each
def test_answers_are_those_that_lists_of_rows_give(seed, zone, minutes):
    """With hindsight: every row is known, however late it was listed."""
    dice, now = Random(seed), NIGHTS[zone] + timedelta(minutes=minutes)
    rows = Rows(dice, now)
    past = rows.past()
    for _ in range(8):
        settle = timedelta(minutes=dice.choice([0, 0, 45, 90]))
        when, need, caps, wanted = asked(dice, rows, now, None, zone, settle)
        assert answers(past, past.hindsight(now), rule(when, need, zone, settle), caps) == wanted, (when, need, now)


@settings(max_examples=25)
@given(**moments)
def test_a_process_that_has_followed_late_rows_says_what_one_says_that_has_just_read_them(seed, zone, minutes):
    """Few conversions, so that no curve is learned and every click counts whole."""
    dice, end = Random(seed), NIGHTS[zone] + timedelta(minutes=minutes)
    rows = Rows(dice, end, conversions=4, late=0.5)
    grown, whole, before = empty_past(end - 60 * DAY), rows.past(), None
    for now in sorted(end - timedelta(minutes=dice.choice([0, 1, 45, 1440, 2000])) for _ in range(3)):
        rows.come_in(grown, before, now)
        before = now
        for _ in range(3):
            settle = timedelta(minutes=dice.choice([0, 0, 45]))
            when, need, caps, wanted = asked(dice, rows, now, now, zone, settle)
            revision = rule(when, need, zone, settle)
            for past in (grown, whole):
                assert answers(past, past.undisturbed(now), revision, caps) == wanted, (when, need, now)
