"""Properties that hold for every rule that loads and for whatever the data may be.

Beside the evaluator stands a second one, for a single subject, in plain Python: slow, simple and written from the
reference page. Where the two differ, one of them is wrong.
"""

import math
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from statistics import NormalDist

from examples import times
from hypothesis import given
from hypothesis import strategies as st

from rules.evaluation.evaluate import evaluate
from rules.evaluation.explain import render
from rules.language import unparse
from rules.language.canonical import document_of
from rules.language.render import as_yaml, to_yaml
from rules.loading.load import load
from rules.model import metrics, tree
from rules.model.revision import UNITS, Group, Rolling
from rules.model.verdicts import Answer

# --- any condition ---------------------------------------------------------------------------------

number = st.one_of(
    st.integers(0, 50).map(str), st.sampled_from(["0.1", "0.25", "2.5", "10%", "0.4%", "150%", "1000000"])
)
hours = st.sampled_from(["1h", "2h", "90m", "24h", "3d"])
plain = st.sampled_from(["clicks", "conversions", "payout", "revenue", "rejected", "profit", "network.clicks"])
ratio = st.sampled_from(["cr", "epc", "margin", "cpa", "rejection_rate", "ctr"])


def placed(inner):
    return st.one_of(
        inner,
        st.tuples(inner, hours).map("{0[0]} over {0[1]}".format),
        st.tuples(inner, hours, hours).map("{0[0]} over {0[1]} ago {0[2]}".format),
    )


amount, rate = placed(plain), placed(ratio)
value = st.recursive(
    st.one_of(number, amount, rate, st.sampled_from(["offer.default_payout", "budgets.daily"])),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map("({0[0]} {0[1]} {0[2]})".format),
        inner.map("(-{})".format),
        inner.map("abs({})".format),
        st.tuples(inner, inner).map("max({0[0]}, {0[1]})".format),
    ),
    max_leaves=4,
)
compare = st.sampled_from(["<", "<=", ">", ">=", "=", "!="])
line = st.sampled_from(["<", "<=", ">", ">="])
share = st.sampled_from(["1%", "20%", "50%", "100%"])
test = st.one_of(
    st.tuples(value, compare, value).map("{0[0]} {0[1]} {0[2]}".format),
    st.tuples(st.sampled_from(["cr", "rejection_rate", "approved / conversions"]), line, number).map(
        "{0[0]} {0[1]} {0[2]} @95%".format
    ),
    st.tuples(st.one_of(amount, rate), st.sampled_from(["up", "down"]), share, hours).map(
        "{0[0]} {0[1]} {0[2]} vs {0[3]}".format
    ),
    st.tuples(st.one_of(plain, ratio), st.sampled_from(["up", "down"]), share).map(
        "{0[0]} {0[1]} {0[2]} vs peers".format
    ),
    st.tuples(plain, line.filter(lambda op: ">" in op), number, hours).map(
        "forecast {0[0]} {0[1]} {0[2]} within {0[3]}".format
    ),
    st.sampled_from(["offer.active", "has(offer.name)", 'offer.name in ["a", 1]', 'offer.name matches "^a+$"', "true"]),
)
# What the second evaluator below does not know: it must be total, deterministic, and read as it is printed.
further = st.one_of(
    st.tuples(st.one_of(amount, rate), st.sampled_from(["up", "down"]), share, st.sampled_from(UNITS)).map(
        "{0[0]} {0[1]} {0[2]} vs {0[3]}".format
    ),
    st.tuples(plain, st.sampled_from(UNITS), line, number).map("{0[0]} over {0[1]} {0[2]} {0[3]}".format),
    st.tuples(
        st.sampled_from(["worst", "best", "top", "bottom"]),
        st.sampled_from(["1", "2", "50%", "10%"]),
        st.sampled_from(["cr", "clicks over 2h", "revenue - payout", "rejection_rate", "offer.default_payout"]),
        st.sampled_from(["", " per offer.name", " per advertiser", " per budgets.daily"]),
    )
    .filter(lambda parts: parts[0] in {"top", "bottom"} or parts[2] not in {"revenue - payout", "offer.default_payout"})
    .map("{0[0]} {0[1]} by {0[2]}{0[3]}".format),
    st.tuples(
        st.sampled_from(["clicks", "cr over 2h", "approved / conversions", "payout", "revenue - payout", "margin"]),
        st.sampled_from(["", "up ", "down "]),
        st.sampled_from(["@99%", "@99.9%", "@80%"]),
        st.sampled_from(["28d", "35d"]),
    ).map("{0[0]} unusual {0[1]}{0[2]} vs {0[3]} same hours".format),
    st.sampled_from(["offer.id in table budgets", "offer.name not in table budgets.daily"]),
    st.sampled_from(['holiday("DE")', 'holiday("US", "CA")', "holiday(offer.name)"]),
)
condition = st.recursive(
    test,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("({0[0]}) and ({0[1]})".format),
        st.tuples(inner, inner).map("({0[0]}) or ({0[1]})".format),
        inner.map("not ({})".format),
    ),
    max_leaves=3,
).filter(lambda text: len(text) <= 400)
group = st.recursive(
    st.tuples(st.sampled_from(["all", "any", "none"]), st.lists(condition, min_size=1, max_size=3)),
    lambda inner: st.tuples(
        st.sampled_from(["all", "any", "none"]), st.lists(st.one_of(condition, inner), min_size=1, max_size=2)
    ),
    max_leaves=2,
).map(lambda pair: grouped(*pair))


wide = st.one_of(group, st.lists(st.one_of(further, test), min_size=1, max_size=3).map(lambda items: {"all": items}))


def grouped(kind, items):
    return {kind: [grouped(*item) if isinstance(item, tuple) else item for item in items]}


# --- any rule --------------------------------------------------------------------------------------

length = st.sampled_from(["5m", "1h", "90m", "24h", "3d"])
hours_of_day = st.fixed_dictionaries(
    {"from": st.sampled_from(["22:00", "9:30"]), "to": st.sampled_from(["06:00", "24:00"])},
    optional={"days": st.lists(st.sampled_from(["mon", "sat", "sun"]), min_size=1, unique=True)},
)
data = st.fixed_dictionaries(
    {"need": st.dictionaries(st.sampled_from(["clicks", "conversions"]), st.integers(0, 40), min_size=1)},
    optional={
        "window": st.sampled_from(["2h", "24h", *UNITS]),
        "settle": st.sampled_from(["1h", "auto"]),
        "fresh": length,
        "tz": st.sampled_from(["Europe/Berlin", "America/New_York"]),
    },
)
words = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=30).filter(
    lambda text: "{{" not in text and "\ufeff" not in text and "\u2028" not in text and "\u2029" not in text
)
steps = st.lists(
    st.one_of(
        st.fixed_dictionaries({"pause": st.just("offer")}, optional={"hold": st.sampled_from(["12h", "manual"])}),
        st.fixed_dictionaries({"notify": st.just("traffic"), "with": st.fixed_dictionaries({"text": words})}),
        st.just({"update": "offer", "with": {"visibility": "{{ offer.name }} x", "active": False}}),
        st.just({"http": {"url": "https://x.example/{{ offer.id }}", "body": {"a": [1, True, "{{ clicks }}"]}}}),
    ),
    min_size=1,
    max_size=3,
)
guards = st.fixed_dictionaries(
    {},
    optional={
        "at_most": st.fixed_dictionaries({"targets": st.integers(1, 9)}, optional={"share": share}),
        "if_over": st.sampled_from(["approve", "stop"]),
        "cooldown": length,
        "per_day": st.integers(1, 99),
        "keep_active": st.just({"offers": 2, "per": "advertiser"}),
        "quiet": hours_of_day,
        "active": st.lists(hours_of_day, min_size=1, max_size=2),
        "canary": st.just({"targets": 3, "wait": "1h"}),
        "respect_people": length,
    },
)
rule = st.fixed_dictionaries(
    {
        "schema": st.just(1),
        "id": st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True),
        "trigger": st.sampled_from([{"every": "15m"}, {"cron": "*/5 2-4 * jan mon,sun", "tz": "Europe/Berlin"}]),
        "scope": st.fixed_dictionaries(
            {"per": st.just(["offer"]), "join": st.just({"budgets": "offer.id"})},
            optional={
                "where": st.sampled_from(
                    [{"offer.active": True}, "all", ["offer.active", "offer.id in table budgets or hour < 5"]]
                ),
                "except": st.just({"offer.id": [7, "x", 8]}),
            },
        ),
        "data": data,
        "when": wide,
        "then": steps,
    },
    optional={
        "title": words,
        "note": words,
        "mode": st.sampled_from(["disabled", "shadow", "approve", "live"]),
        "priority": st.integers(-9, 9),
        "unless": group,
        "release": st.fixed_dictionaries({}, optional={"early": group, "probation": st.just({"clicks": 5})}),
        "guards": guards,
        "approve": st.just({"by": ["ops"], "within": "4h", "otherwise": "escalate", "escalate_to": ["traffic"]}),
        "on_failure": st.sampled_from(["undo", "keep"]),
        "tests": st.just([{"given": {"offer": 5}, "expect": "yes"}]),
    },
)


def asking(when):
    return {
        "schema": 1,
        "id": "a",
        "trigger": {"every": "1h"},
        "scope": {"per": ["offer"], "join": {"budgets": "offer.id"}},
        "when": when if isinstance(when, dict) else [when],
        "then": [{"notify": "traffic"}],
    }


def loaded(document, environment):
    text = as_yaml(document)
    found = load(text, name="f", environment=environment, tests=False)
    assert not found.errors, (text, [str(problem) for problem in found.errors])
    return found.revisions[0]


# --- any data --------------------------------------------------------------------------------------

timeline = st.one_of(
    st.none(),
    st.lists(st.tuples(st.sampled_from([0.2, 0.9, 1.5, 5, 23, 30, 60]), st.integers(0, 60)), max_size=4),
)
odd = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 99), st.sampled_from(["a", "aaa", "12", "1.50", "", "true", 2.5, [1], {}])
)
NAMES = ("offer.active", "offer.name", "offer.default_payout", "budgets.daily")
offer = st.fixed_dictionaries(
    dict.fromkeys(metrics.BASE, timeline),
    optional={"fields": st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, odd))},
)
world = st.lists(offer, max_size=4)


def facts_of(offers, rows, age):
    facts = offers()
    for number, row in enumerate(rows):
        facts.add(number, settle=timedelta(hours=number) if number % 2 else None, **row)
    facts.coarse[()] = {"clicks": [(timedelta(hours=0.5), 30), (timedelta(hours=40), 500)]}
    facts.read_at = facts.now - age
    return facts


ages = st.sampled_from([timedelta(0), timedelta(minutes=20), timedelta(hours=30)])
patient = times(1.6)


@patient
@given(document=rule, rows=world, age=ages)
def test_every_subject_gets_a_verdict_and_the_same_one_again(environment, offers, now, document, rows, age):
    revision = loaded(document, environment)
    first = evaluate(revision, facts_of(offers, rows, age), now)
    second = evaluate(revision, facts_of(offers, rows, age), now)
    assert first.answers.tolist() == second.answers.tolist()
    assert len(first.answers) == len(first.why) == len(first.early) == len(rows)
    for row in range(len(rows)):
        verdict = first.explain(row)
        assert verdict.answer == first.answers[row]
        assert (verdict.answer is Answer.NO_DECISION) == bool(verdict.why)
        assert render(verdict, tz="Europe/Berlin")


@patient
@given(document=rule)
def test_printing_and_reading_a_rule_changes_nothing(environment, document):
    revision = loaded(document, environment)
    text = to_yaml(revision)
    again = load(text, name="g", environment=environment, tests=False)
    assert not again.errors, (text, [str(problem) for problem in again.errors])
    assert again.revisions[0].hash == revision.hash
    assert document_of(again.revisions[0]) == document_of(revision)


@patient
@given(text=st.one_of(condition, further))
def test_writing_and_reading_a_condition_changes_nothing(environment, text):
    found = loaded(asking(text), environment).when.items[0].tree
    assert loaded(asking(unparse.text(found)), environment).when.items[0].tree == found


@patient
@given(text=st.text(max_size=200))
def test_any_text_is_a_rule_or_a_located_error(environment, text):
    found = load(text, name="rules/any.yaml", environment=environment)
    lines = max(text.count("\n"), text.count("\r")) + 2
    assert all(p.place.file == "rules/any.yaml" and 1 <= p.place.line <= lines + 1 for p in found.problems)


READY = sorted((Path(__file__).parents[2] / "rules" / "library").glob("*.yaml"))


@patient
@given(data=st.data())
def test_a_damaged_rule_is_a_rule_or_a_located_error(environment, data):
    text = data.draw(st.sampled_from(READY)).read_text()
    start = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 30))
    put = data.draw(st.text(alphabet="abc0159 :,-[]{}\"'\n\t%@<>=*&!#|", max_size=6))
    found = load(text[:start] + put + text[start + cut :], name="f", environment=environment)
    assert all(str(problem).startswith("f:") for problem in found.problems)


@patient
@given(text=st.text(alphabet='abcr 0159.%@<>=()[]"+-*/vsoverago{}\\', max_size=60))
def test_any_text_as_a_condition_is_one_or_a_located_error(environment, text):
    found = load(as_yaml(asking(text)), name="f", environment=environment)
    assert bool(found.revisions) != bool(found.errors)


# --- the second evaluator --------------------------------------------------------------------------


class Unknown(Exception):
    pass


class Naive:
    """Answers for one subject, by the words of the reference page."""

    def __init__(self, facts, revision, now, row):
        self.facts, self.revision, self.now, self.row = facts, revision, now, row
        self.zero = timedelta(0)

    def group(self, group, *, needs=True):
        found = [
            self.group(item, needs=needs)
            if isinstance(item, Group)
            else self.holds(item.tree, self.own, self.zero, needs)
            for item in group.items
        ]
        if group.kind == "all":
            return self.every(found)
        some = self.some(found)
        return some if group.kind == "any" or some is None else not some

    @property
    def own(self):
        return self.revision.data.window.length

    @staticmethod
    def every(found):
        return False if False in found else None if None in found else True

    @staticmethod
    def some(found):
        return True if True in found else None if None in found else False

    def holds(self, node, window, shift, needs):  # noqa: PLR0911 - one branch per kind of part
        match node:
            case tree.And(items=items):
                return self.every([self.holds(item, window, shift, needs) for item in items])
            case tree.Or(items=items):
                return self.some([self.holds(item, window, shift, needs) for item in items])
            case tree.Not(item=item):
                inner = self.holds(item, window, shift, needs)
                return None if inner is None else not inner
            case tree.Over(item=item, window=other):
                return self.holds(item, other.length, shift, needs)
            case tree.Ago(item=item, shift=more):
                return self.holds(item, window, shift + more, needs)
        try:
            if needs and any(isinstance(part, tree.Metric) for part in node.walk()):
                self.check_sample()
            return self.single(node, window, shift)
        except (Unknown, ZeroDivisionError):
            return None

    def check_sample(self):
        for name, least in self.revision.data.need.items():
            if self.total(name, None, self.own, self.zero, None) < least:
                raise Unknown

    def single(self, node, window, shift):  # noqa: C901, PLR0911
        match node:
            case tree.Constant(value=value):
                return value
            case tree.Compare(confidence=None):
                return self.compare(node, window, shift)
            case tree.Compare():
                return self.proven(node, window, shift)
            case tree.Change():
                now = self.number(node.item, window, shift, None)
                base = self.number(node.item, window, shift, node.baseline.length if node.baseline else "peers")
                if base == 0:
                    raise Unknown
                share = node.share if (node.direction == "up") == (base >= 0) else -node.share
                return now >= base * float(1 + share) if node.direction == "up" else now <= base * float(1 + share)
            case tree.Forecast():
                ahead = self.number(node.item, window, shift, ("ahead", node.within))
                limit = self.number(node.limit, window, shift, None)
                return ahead >= limit if node.op == ">=" else ahead > limit
            case tree.Attribute(name=name):
                return self.boolean(self.field(name))
            case tree.Call(function="has", arguments=(tree.Attribute(name=name),)):
                return self.facts.fields[self.row].get(name) is not None
            case tree.Within(item=tree.Attribute(name=name)):
                held = self.field(name)
                return held == "a" or (held == 1 and not isinstance(held, bool))
            case tree.Matches(item=tree.Attribute(name=name)):
                held = self.field(name)
                if not isinstance(held, str):
                    raise Unknown
                return bool(held) and set(held) == {"a"}
        raise AssertionError(node)

    def field(self, name):
        held = self.facts.fields[self.row].get(name)
        if held is None:
            raise Unknown
        return held

    @staticmethod
    def boolean(held):
        if held in (True, False) and isinstance(held, bool):
            return held
        if held == "true":
            return True
        raise Unknown

    def compare(self, node, window, shift):
        if isinstance(node.left, tree.Attribute) and isinstance(node.right, tree.Attribute):
            pair = [self.field(node.left.name), self.field(node.right.name)]
            if any(isinstance(one, (list, dict)) for one in pair):
                raise Unknown
            if all(isinstance(one, str) for one in pair) and not all(map(self.spelled, pair)):
                if node.op in {"=", "!="}:
                    return (pair[0] == pair[1]) == (node.op == "=")
                raise Unknown
            if any(isinstance(one, bool) for one in pair):
                booleans = [self.boolean(one) for one in pair]
                if node.op in {"=", "!="}:
                    return (booleans[0] == booleans[1]) == (node.op == "=")
                raise Unknown
        left, right = self.number(node.left, window, shift, None), self.number(node.right, window, shift, None)
        return {
            "<": left < right,
            "<=": left <= right,
            ">": left > right,
            ">=": left >= right,
            "=": left == right,
            "!=": left != right,
        }[node.op]

    def proven(self, node, window, shift):
        if isinstance(node.left, tree.Metric):
            formula = metrics.DERIVED[node.left.name]
            above, below = formula.plus[0], formula.over[0]
        else:
            above, below = node.left.left.name, node.left.right.name
        good, all_ = self.total(above, None, window, shift, None), self.total(below, None, window, shift, None)
        if all_ <= 0:
            raise Unknown
        z = NormalDist().inv_cdf(float(node.confidence))
        p = min(good / all_, 1.0)
        middle, spread = p + z * z / (2 * all_), z * math.sqrt(p * (1 - p) / all_ + z * z / (4 * all_ * all_))
        low, high = (middle - spread) / (1 + z * z / all_), (middle + spread) / (1 + z * z / all_)
        low, high = (0.0 if p == 0 else low), (1.0 if p == 1 else high)
        limit = self.number(node.right, window, shift, None)
        return {"<": high < limit, "<=": high <= limit, ">": low > limit, ">=": low >= limit}[node.op]

    @staticmethod
    def spelled(text):
        return isinstance(text, str) and text in {"12", "1.50"}

    def number(self, node, window, shift, against):  # noqa: C901, PLR0911
        match node:
            case tree.Constant(value=value):
                return float(value)
            case tree.Attribute(name=name):
                held = self.field(name)
                if isinstance(held, bool) or not (isinstance(held, (int, float)) or self.spelled(held)):
                    raise Unknown
                return float(held)
            case tree.Over(item=item, window=other):
                return self.number(item, other.length, shift, against)
            case tree.Ago(item=item, shift=more):
                return self.number(item, window, shift + more, against)
            case tree.Negative(item=item):
                return -self.number(item, window, shift, against)
            case tree.Call(function="abs", arguments=(item,)):
                return abs(self.number(item, window, shift, against))
            case tree.Call(function="max", arguments=items):
                return max([self.number(item, window, shift, against) for item in items])
            case tree.Arithmetic(op=op, left=left, right=right):
                a, b = self.number(left, window, shift, against), self.number(right, window, shift, against)
                return self.reckoned(op, a, b)
            case tree.Metric(name=name, per=per):
                return self.metric(name, per, window, shift, against)
        raise AssertionError(node)

    @staticmethod
    def reckoned(op, a, b):
        if op == "*":
            return a * b
        if op == "/":
            return a / b
        exact = [Decimal(repr(a)), Decimal(repr(b))]
        if all(one == round(one, 6) for one in exact):
            return float(exact[0] + exact[1] if op == "+" else exact[0] - exact[1])
        return a + b if op == "+" else a - b

    def metric(self, name, per, window, shift, against):
        formula = metrics.DERIVED.get(name)
        if formula is None:
            return self.amount(name, per, window, shift, against)
        part = self.total if formula.over else self.amount
        result = part(formula.plus[0], per, window, shift, against)
        if formula.minus:
            result = self.reckoned("-", result, part(formula.minus[0], per, window, shift, against))
        return result / part(formula.over[0], per, window, shift, against) if formula.over else result

    def amount(self, name, per, window, shift, against):
        found = self.total(name, per, window, shift, against)
        if isinstance(against, timedelta):
            return found * (window / against)
        return found / self.others(name, per, window, shift)[1] if against == "peers" else found

    def others(self, name, per, window, shift):
        found = []
        for row in range(len(self.facts.rows)):
            if row != self.row:
                try:
                    found.append(Naive(self.facts, self.revision, self.now, row).total(name, per, window, shift, None))
                except Unknown:
                    continue
        if not found:
            raise Unknown
        return sum(found), len(found)

    def total(self, name, per, window, shift, against):
        end = self.now - shift - (self.revision.data.settle or self.zero)
        start = end - window
        if against == "peers":
            return self.others(name, per, window, shift)[0]
        if isinstance(against, timedelta):
            return self.counted(name, per, start - against, start)
        if against is None:
            if not shift:
                self.check_age()
            return self.counted(name, per, start, end)
        self.check_age()
        within = against[1]
        recent = max(within, timedelta(hours=1))
        kept = self.counted(name, per, start + within, end) if start + within < end else 0.0
        return kept + self.counted(name, per, end - recent, end) * (within / recent)

    def check_age(self):
        fresh = self.revision.data.fresh
        if fresh is not None and self.facts.now - self.facts.read_at > fresh:
            raise Unknown

    def counted(self, name, per, start, end):
        rows = self.facts.rows[self.row] if per is None else self.facts.coarse.get(per, {})
        if rows.get(name) is None or start < self.now - self.facts.horizon:
            raise Unknown
        return float(sum(amount for age, amount in rows[name] if start <= self.now - age < end))


rolling = st.fixed_dictionaries(
    {"window": st.sampled_from(["2h", "24h"]), "need": st.dictionaries(st.just("clicks"), st.integers(0, 40))},
    optional={"settle": st.sampled_from(["30m", "1h"]), "fresh": st.sampled_from(["10m", "1h"])},
)


@times(6)
@given(when=group, unless=st.one_of(st.none(), group), section=rolling, rows=world, age=ages)
def test_all_at_once_is_the_same_as_one_by_one(environment, offers, now, when, unless, section, rows, age):
    document = asking(when) | {"data": section}
    revision = loaded(document | ({"unless": unless} if unless else {}), environment)
    assert isinstance(revision.data.window, Rolling)
    facts = facts_of(offers, rows, age)
    together = [{1: True, 0: False, -1: None}[int(one)] for one in evaluate(revision, facts, now).answers]
    for row, answer in enumerate(together):
        naive = Naive(facts, revision, now, row)
        expected = naive.group(revision.when)
        if revision.unless is not None:
            held = naive.group(revision.unless, needs=False)
            expected = naive.every([expected, None if held is None else not held])
        assert answer == expected, (as_yaml(document), rows[row])
