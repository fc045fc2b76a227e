"""Tables with several keys, rows for any id, and rows that hold for a while."""

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.lookup_tables import Table, TableError, load
from bridge.config.table_cells import findings
from bridge.config.table_rows import ANY, TableRow, first_clash
from rules.language.render import to_yaml
from rules.loading.load import load as load_rules
from rules.model.environment import Environment

DAY = date(2026, 3, 4)
CAPS = """offer,publisher,cap,from,to
1,7,100,,
1,*,50,,
*,7,20,,
*,*,10,,
2,7,200,2026-03-04,2026-03-05
2,7,300,2026-03-06,
"""


@pytest.fixture
def table(tmp_path):
    def read(text, **types):
        (tmp_path / "caps.csv").write_text(text)
        return load(tmp_path / "caps.csv", types)

    return read


@pytest.mark.parametrize(
    ("offer", "publisher", "day", "cap"),
    [
        ("1", "7", DAY, 100),
        ("1", "8", DAY, 50),
        ("3", "7", DAY, 20),
        ("3", "8", DAY, 10),
        ("2", "7", DAY - timedelta(days=1), 20),
        ("2", "7", DAY, 200),
        ("2", "7", DAY + timedelta(days=1), 200),
        ("2", "7", DAY + timedelta(days=2), 300),
    ],
)
def test_the_row_that_says_most_about_both_on_that_day_counts(table, offer, publisher, day, cap):
    assert table(CAPS).row((offer, publisher), day)["cap"] == cap


def test_as_many_columns_are_keys_as_tell_the_rows_apart(table):
    assert table(CAPS).keys == ("offer", "publisher")
    assert table("offer,cap\n1,5\n*,6\n").keys == ("offer",)
    assert table("cap,offer,publisher\n5,1,7\n5,1,8\n", offer="key", publisher="key").keys == ("offer", "publisher")


def test_an_id_that_nobody_lists_has_no_row(table):
    assert table("offer,cap\n1,5\n").row(("2",), DAY) == {}


def test_ids_are_found_in_every_key_as_spreadsheets_write_them(table):
    read = table('offer,publisher,cap\n1001.0,"=""7""",5\n1001,8.0,6\n')
    assert [read.row(("1001", one), DAY).get("cap") for one in ("7", "8")] == [5, 6]


@pytest.mark.parametrize(
    ("text", "types", "words"),
    [
        ("offer,cap\n1,5\n1,6\n", {}, "caps.csv:3: the key '1' stands in line 2 too; keep one of them"),
        (
            "offer,publisher,cap\n1,7,5\n1,7,6\n",
            {"offer": "key", "publisher": "key"},
            "caps.csv:3: the keys '1', '7' stand in line 2 too; keep one of them",
        ),
        (
            "offer,cap,from,to\n1,5,,2026-03-04\n1,6,2026-03-04,\n",
            {},
            "caps.csv:3: the key '1' stands in line 2 too for the same days",
        ),
        (
            "offer,cap,from\n1,5,soon\n",
            {},
            "from of '1': 'soon' is not a day such as 2026-12-31; if from is not a day, dec",
        ),
        ("offer,cap,from,to\n1,5,2026-03-04,2026-03-01\n", {}, "the row ends on 2026-03-01, before it begins on 2026"),
        ("offer,cap,to\n1,5,11/12/2026\n", {}, "may be 2026-11-12 or 2026-12-11"),
    ],
)
def test_what_is_not_clear_is_refused_with_its_place(table, text, types, words):
    with pytest.raises(TableError, match=re.escape(words)):
        table(text, **types)


def test_columns_that_are_called_so_and_hold_no_days_are_declared(table):
    read = table("route,from,to,price\n1,Berlin,Paris,5\n", **{"from": "text", "to": "text"})
    assert read.row(("1",), DAY) == {"route": "1", "from": "Berlin", "to": "Paris", "price": 5}
    assert table("offer,cap,begins\n1,5,2026-03-05\n", begins="from").row(("1",), DAY) == {}


def test_a_star_inside_a_key_is_told(table):
    [found] = findings({"caps": table("offer,cap\nfb_*,5\n*,6\n")}, ())
    assert "the key 'fb_*' is taken as it stands; only a whole cell '*' stands for any" in found.message


RULE = """schema: 1
id: caps
trigger: {{every: 1h}}
scope: {{per: [offer, publisher], join: {{caps: {join}}}}}
when: [payout > caps.cap]
then: [{{notify: traffic}}]
tests:
  - {{given: {{payout: 6, caps: {{cap: 5}}}}, expect: yes}}
"""
KNOWN = Environment(tables={"caps": ("offer", "publisher", "cap")}, table_keys={"caps": ("offer", "publisher")})


def test_a_join_by_several_keys_is_printed_and_read_again():
    [found] = load_rules(RULE.format(join="[offer.id, publisher.id]"), name="x.yaml", environment=KNOWN).revisions
    assert found.scope.join == {"caps": ("offer.id", "publisher.id")}
    assert load_rules(to_yaml(found), name="x.yaml", environment=KNOWN).revisions[0].hash == found.hash


@pytest.mark.parametrize(
    ("join", "words"),
    [
        (
            "offer.id",
            "tables/caps.csv has several rows for one offer; join it by offer and publisher: caps: [offer.id, ...]",
        ),
        ("[offer.id, publisher.id, publisher.country]", "has 3 columns, so that 3 keys leave nothing to look up"),
        ("[offer.id, offer.id]", "name each attribute once"),
        ("[]", "name each attribute once"),
        ("[offer.id, publisher.nme]", "did you mean"),
        ("{a: b}", "say by which attribute, such as caps: offer.id"),
    ],
)
def test_a_join_that_finds_no_single_row_is_refused(join, words):
    [found, *_] = load_rules(RULE.format(join=join), name="x.yaml", environment=KNOWN).errors
    assert words in found.message


ids = st.sampled_from(["1", "2", ANY])
spans = st.sampled_from([(None, None), (DAY, None), (None, DAY), (DAY, DAY), (DAY + timedelta(days=1), None)])
lines = st.lists(st.tuples(ids, ids, spans), max_size=7)


@given(lines=lines, offer=st.sampled_from("123"), publisher=st.sampled_from("123"), later=st.integers(-1, 2))
def test_the_row_is_the_same_as_by_trying_each(lines, offer, publisher, later):
    rows = tuple(
        TableRow({"offer": one, "publisher": other, "cap": number}, number, *span)
        for number, (one, other, span) in enumerate(lines)
    )
    day = DAY + timedelta(days=later)
    if first_clash(rows, ("offer", "publisher")) is not None:
        return
    made = Table("caps", ("offer", "publisher", "cap"), rows, keys=("offer", "publisher"))
    fitting = [
        row
        for row in rows
        if row.holds(day) and row.cells["offer"] in {offer, ANY} and row.cells["publisher"] in {publisher, ANY}
    ]
    best = min(
        fitting,
        key=lambda row: (list(row.cells.values()).count(ANY), row.cells["offer"] == ANY),
        default=None,
    )
    assert made.row((offer, publisher), day) == ({} if best is None else best.cells)


def test_a_key_that_begins_with_a_zero_is_no_id(table):
    known = Environment(tables={"caps": ("offer", "publisher", "cap")}, channels=frozenset({"traffic"}))
    loaded = load_rules(RULE.format(join="[offer.id, publisher.id]"), name="f", environment=known, tests=False)
    found = findings({"caps": table("offer,publisher,cap\n01001,7,5\n01001,8,6\n")}, loaded.revisions)
    assert "the key '01001' begins with 0, which no id does; it probably matches nothing" in found[0].message
