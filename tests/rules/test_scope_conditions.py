"""`where` as a list of conditions on attributes, and `in table`."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.lookup_tables import Table, cells
from bridge.config.table_rows import TableRow
from rules.evaluation.evaluate import evaluate, fulfilling
from rules.language.render import to_yaml
from rules.loading.lint import unbounded
from rules.loading.load import load
from rules.loading.self_tests import run_tests

RULE = """schema: 1
id: a
trigger: {every: 1h}
scope:
  per: [offer]
  where: %s
data: {need: {clicks: 1}, fresh: 1h}
when: [clicks > 5]
then: [{pause: offer}]
"""


def loaded(environment, where):
    found = load(RULE % where, name="x.yaml", environment=environment)
    assert not found.errors, [str(problem) for problem in found.errors]
    return found.revisions[0]


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("[offer.default_payout > 5]", [True, False, False, False]),
        ("['offer.name matches \"^DE\"']", [True, True, False, False]),
        ("['offer.name matches \"^DE\"', offer.default_payout <= 5]", [False, True, False, False]),
        ("['offer.default_payout > 5 or offer.name = \"US 1\"']", [True, False, True, False]),
        ("[not offer.default_payout > 5]", [False, True, True, False]),  # what is not known is not in scope
        ("[offer.id in table vips]", [True, False, False, True]),
        ("[offer.id not in table vips]", [False, True, True, False]),
        ("[offer.name in table vips.name]", [False, False, True, False]),
    ],
)
def test_only_what_fulfils_all_is_in_scope(vips, offers, now, where, wanted):
    facts = offers()
    for number, (name, payout) in enumerate([("DE 1", 9), ("DE 2", 5), ("US 1", 5), (None, None)], 1):
        facts.add(number, fields={"offer.name": name, "offer.default_payout": payout, "offer.id": str(number)})
    facts.listed = lambda _table, column: {None: frozenset("14"), "name": frozenset(["US 1"])}[column]
    revision = loaded(vips, where)
    assert fulfilling(revision.scope.conditions, facts, revision.data, now).tolist() == wanted


@pytest.fixture
def vips(environment):

    return replace(environment, tables={**environment.tables, "vips": ("offer", "name")})


def test_a_list_bounds_a_rule_and_is_printed_as_it_reads(vips):
    revision = loaded(vips, "[offer.active, offer.id in table vips, offer.default_payout > 5]")
    assert not list(unbounded(revision))
    text = to_yaml(revision)
    assert load(text, name="x", environment=vips).revisions[0].hash == revision.hash
    assert "offer.id in table vips" in text


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("[clicks > 5]", "'clicks' is measured; put it under `when`"),
        ("[worst 5 by cr]", "'cr' is measured"),
        ("[offer.activ]", "did you mean 'active'?"),
        ("[offer.id in table vip]", "there is no table 'vip'; did you mean 'vips'?"),
        ("[offer.id in table vips.nam]", "the table vips has no column 'nam'; did you mean 'name'?"),
        ("[]", "holds no conditions"),
    ],
)
def test_what_is_wrong_has_its_place_and_the_remedy(vips, where, words):
    [problem] = load(RULE % where, name="x.yaml", environment=vips).errors
    assert words in problem.message
    assert problem.place.line == 6


def test_a_test_gives_the_cells_of_a_table(vips):
    text = (RULE % "all").replace("[clicks > 5]", "[clicks > 5, offer.id in table vips]")
    text += """tests:
  - {given: {offer: 7, clicks: 9, vips: [7, 8]}, expect: yes}
  - {given: {offer: 9, clicks: 9, vips: [7, 8]}, expect: no}
  - {given: {offer: 9, clicks: 9}, expect: no_decision}
"""
    found = load(text, name="x.yaml", environment=vips)
    assert not found.errors, [str(problem) for problem in found.errors]
    assert all(one.passed for one in run_tests(found.revisions[0]))


def test_without_the_table_there_is_no_decision(rule, offers, now):
    facts = offers().add(1, fields={"offer.id": "1"})
    assert evaluate(rule(["offer.id in table budgets"]), facts, now).answers.tolist() == [-1]


def test_cells_are_found_as_people_write_them():
    rows = (TableRow({"offer": 1, "day": 1.5}), TableRow({"offer": "x", "day": None}), TableRow({"offer": "*"}))
    table, day = Table("t", ("offer", "day"), rows), date(2026, 3, 4)
    assert cells({"t": table}, "t", None, day) == {"1", "x"}
    assert cells({"t": table}, "t", "day", day) == {"1.5"}
    assert cells({"t": table}, "t", "nothing", day) is None
    assert cells({}, "t", None, day) is None


@given(ids=st.lists(st.integers(1, 30), max_size=8), listed=st.frozensets(st.integers(1, 30).map(str), max_size=8))
def test_in_and_not_in_are_opposites(rule, offers, now, ids, listed):
    facts = offers()
    facts.listed = lambda _table, _column: listed
    for number in ids:
        facts.add(number, fields={"offer.default_payout": number})
    inside, outside = (
        evaluate(rule([f"offer.default_payout {word} table budgets"]), facts, now).answers.tolist()
        for word in ("in", "not in")
    )
    assert [one + other for one, other in zip(inside, outside, strict=True)] == [1] * len(ids)
    assert inside == [int(str(one) in listed) for one in ids]
