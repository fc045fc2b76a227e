"""Declared dimensions: how rows spell them, and from when on they are known."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.schema import FileSchema
from bridge.reports import report_rows
from bridge.reports.retention import hourly
from bridge.reports.windows import Edges, Windows
from bridge.store.feeds import Kind
from rules.language.render import to_yaml
from rules.loading.load import load
from rules.model.environment import Environment
from rules.model.revision import ALWAYS_KEPT, DECLARABLE, Dimension

BEGUN = datetime(2026, 3, 4, 12, tzinfo=UTC)
RULE = """schema: 1
id: weak
trigger: {{every: 1h}}
scope: {{per: [{per}]}}
when: [clicks > 5]
then: [{{notify: traffic}}]
"""


def clicks(count, *, seen=BEGUN, more=(), **columns):
    made = [
        {"transaction_id": f"{seen:%H%M}-{number}", "request_time": f"{BEGUN - timedelta(hours=2):%Y-%m-%d %H:%M:%S}"}
        | {name: value if isinstance(value, str) else value[number] for name, value in columns.items()}
        for number in range(count)
    ]
    return report_rows.read(Kind.CLICKS, made, seen, more=more).batch


def test_each_dimension_of_the_rule_language_has_a_column_in_reports():
    spelled = {
        "rejection_reason" if name == "reason" else name
        for name in (*report_rows.COLUMN_SPELLINGS, *report_rows.MORE_SPELLINGS)
    }
    assert spelled - {"currency", "external_id"} == set(get_args(Dimension))


@pytest.mark.parametrize(
    ("column", "value", "dimension", "kept"),
    [
        ("lp", "7", "landing_page", "7"),
        ("geo_city", "Berlin", "city", "Berlin"),
        ("device_type", "phone", "device", "phone"),
        ("sub_id7", "x", "sub_id_7", "x"),
        ("referer", "https://WWW.Example.com:8443/a?user=ann", "referrer_domain", "example.com"),
        ("referer", "example.org/path", "referrer_domain", "example.org"),
        ("referer", "http://[broken", "referrer_domain", ""),
        ("os", "{os}", "os", ""),
    ],
)
def test_each_spelling_is_kept_where_it_is_declared_and_nowhere_else(column, value, dimension, kept):
    assert clicks(1, more=(dimension,), **{column: value}).column(dimension).texts() == [kept]
    assert dimension not in clicks(1, **{column: value}).labels


def test_the_reason_of_a_rejection_is_known_under_its_whole_name():
    windows = Windows((*ALWAYS_KEPT, "rejection_reason"))
    windows.load(Kind.CLICKS, [clicks(3, rejection_reason=["fraud", "", "fraud"])])
    windows.number(Kind.CLICKS, ("rejection_reason",))
    assert windows.subjects.known(("rejection_reason",)) == [("",), ("fraud",)]


def test_rows_of_before_make_it_known_from_its_own_first_row_on():
    later = BEGUN + timedelta(days=1)
    windows = Windows((*ALWAYS_KEPT, "os"))
    windows.load(Kind.CLICKS, [clicks(2, seen=later, more=("os",), os="iOS")])
    assert windows.told_from(("offer", "os"), (Kind.CLICKS,)) is None  # it was kept from the first row on
    windows.load(Kind.CLICKS, [clicks(2)])
    assert windows.told_from(("offer", "os"), (Kind.CLICKS,)) == int(later.timestamp())
    assert windows.told_from(("offer",), (Kind.CLICKS,)) is None
    assert windows.twin().told_from(("os",), (Kind.CLICKS,)) == int(later.timestamp())


def test_a_dimension_that_conversions_never_say_is_not_known_of_them():
    windows = Windows((*ALWAYS_KEPT, "os"))
    windows.load(Kind.CLICKS, [clicks(2, more=("os",), os="iOS")])
    windows.load(Kind.CONVERSIONS, [clicks(2)])
    assert windows.told_from(("os",), (Kind.CLICKS,)) is None
    assert windows.told_from(("os",), (Kind.CLICKS, Kind.CONVERSIONS)) > BEGUN.timestamp() * 1000


def test_sums_per_hour_keep_what_was_kept():
    batch = clicks(4, more=("os",), os=["iOS", "iOS", "Android", ""])
    windows, again = (Windows((*ALWAYS_KEPT, "os")) for _ in range(2))
    windows.load(Kind.CLICKS, [batch])
    again.load(Kind.CLICKS, [hourly(batch)])
    edges = Edges(0, 2**40, 2**40)
    for one in (windows, again):
        sums = one.totals(Kind.CLICKS, "clicks", ("os",), edges)
        found = dict(zip(one.subjects.known(("os",)), sums.tolist(), strict=True))
        assert found[("iOS",)] == 2
        assert found[("Android",)] == 1


@pytest.mark.parametrize("dimension", ["rejection_reason", "sub_id_2"])
def test_sums_per_hour_keep_also_what_each_row_has_where_rules_may_ask_for_it(dimension):
    batch = clicks(4, more=(dimension,), **{dimension: ["a", "a", "b", ""]})
    declared, others = (Windows((*ALWAYS_KEPT, dimension)) for _ in range(2))
    declared.load(Kind.CLICKS, [hourly(batch, (dimension,))])
    others.load(Kind.CLICKS, [hourly(batch)])
    sums = declared.totals(Kind.CLICKS, "clicks", (dimension,), Edges(0, 2**40, 2**40))
    assert dict(zip(declared.subjects.known((dimension,)), sums.tolist(), strict=True)) == {
        ("",): 1, ("a",): 2, ("b",): 1,
    }  # fmt: skip
    others.number(Kind.CLICKS, (dimension,))
    assert others.subjects.known((dimension,)) == [("",)]


@pytest.mark.parametrize(
    ("kept", "per", "words"),
    [
        ([], "os", "os is not kept; add it to bridge.yaml: dimensions: [os]"),
        (
            ["city"],
            "os, sub_id_3",
            "os and sub_id_3 are not kept; add them to bridge.yaml: dimensions: [city, os, sub_id_3]",
        ),
        ([], "brwser", "did you mean 'browser'?"),
    ],
)
def test_a_rule_about_what_is_not_kept_is_refused(kept, per, words):
    found = load(RULE.format(per=per), name="x.yaml", environment=Environment(dimensions=frozenset(kept)))
    assert words in found.errors[0].message


@given(per=st.lists(st.sampled_from(DECLARABLE), min_size=1, max_size=3, unique=True))
def test_rules_about_them_are_printed_and_read_again_the_same(per):
    known = Environment(dimensions=frozenset(DECLARABLE))
    [found] = load(RULE.format(per=", ".join(per)), name="x.yaml", environment=known).revisions
    assert load(to_yaml(found), name="x.yaml", environment=known).revisions[0].hash == found.hash


@pytest.mark.parametrize(
    ("given_", "words"),
    [(["oss"], "did you mean 'os'?"), (["country"], "always kept"), (["event"], "not one of")],
)
def test_what_cannot_be_declared_is_named(given_, words):
    assert words in str(FileSchema().validate({"dimensions": given_}))
