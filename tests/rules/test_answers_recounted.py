"""Answers worked out once more in fractions, straight from the definitions of the reference page.

A rule's own test (`given`) and an evaluation of measured rows must both give them: at thresholds met exactly, too.
"""

import operator
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from rules.evaluation.evaluate import evaluate
from rules.loading.load import load
from rules.loading.self_tests import run_tests

RAW = ("clicks", "conversions", "payout", "revenue")


def ratio(above, below):
    return above / below if below else None


DEFINED = {
    "profit": (operator.sub, ("revenue", "payout")),
    "cr": (ratio, ("conversions", "clicks")),
    "epc": (ratio, ("payout", "clicks")),
    "rpc": (ratio, ("revenue", "clicks")),
    "cpa": (ratio, ("payout", "conversions")),
    "margin": (lambda revenue, payout: ratio(revenue - payout, revenue), ("revenue", "payout")),
}
OPERATORS = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip
AGO = timedelta(minutes=30) / timedelta(hours=1)
metric = st.sampled_from((*RAW, *DEFINED))
counts = st.one_of(st.sampled_from([0, 1, 3, 7, 1000]), st.integers(0, 5000)).map(Fraction)
money = st.integers(0, 100_000).map(lambda cents: Fraction(cents, 100))
amounts = st.fixed_dictionaries({"clicks": counts, "conversions": counts, "payout": money, "revenue": money})
shares = st.sampled_from([1, 33, 50, 80, 100, 125])


def used(name):
    """The amounts that a metric is made of."""
    return DEFINED[name][1] if name in DEFINED else (name,)


def measured(name, values):
    return DEFINED[name][0](*(values[one] for one in used(name))) if name in DEFINED else values[name]


def written(number):
    return f"{Decimal(number.numerator) / Decimal(number.denominator):f}"


@st.composite
def comparisons(draw):
    """A condition, the metrics that it names, and its answer: None where there is none."""
    values, name, other = draw(amounts), draw(metric), draw(metric)
    op, share, negated = draw(st.sampled_from(sorted(OPERATORS))), draw(shares), draw(st.booleans())
    left, right = measured(name, values), measured(other, values)
    match draw(st.sampled_from(["limit", "metric", "share"])):
        case "limit":
            near = abs(left) if left is not None else Fraction(1)
            right = Fraction(round(near * 10_000), 10_000)
            text, names = f"{name} {op} {written(right)}", {name}
        case "metric":
            text, names = f"{name} {op} {other}", {name, other}
        case _:
            right = None if right is None else right * share / 100
            text, names = f"{name} {op} {share}% * {other}", {name, other}
    answer = None if left is None or right is None else OPERATORS[op](left, right) is not negated
    return f"not ({text})" if negated else text, names, values, answer


@given(comparisons())
def test_a_comparison_is_what_it_is_in_fractions(environment, offers, now, drawn):
    text, names, values, answer = drawn
    told = {one: written(values[one]) for name in names for one in used(name)}
    loaded = load(
        f"""schema: 1
id: a
trigger: {{every: 1h}}
scope: {{per: [offer]}}
data: {{window: 24h}}
when: ['{text}']
then: [{{notify: traffic}}]
tests: [{{given: {{{", ".join(f"{name}: {value}" for name, value in told.items())}}}, expect: yes}}]
""",
        name="f",
        environment=environment,
        tests=False,
    )
    assert not loaded.errors, loaded.errors
    [revision] = loaded.revisions
    wanted = -1 if answer is None else int(answer)
    rows = offers().add(1, **{name: [(AGO, Decimal(written(value)))] for name, value in values.items()})
    assert int(evaluate(revision, rows, now).answers[0]) == wanted
    assert int(run_tests(revision)[0].verdict.answer) == wanted
