"""A cell that no comparison can use is told by its place, and so is a file that nobody reads."""

import os
from datetime import date
from decimal import Decimal

import pytest
from click.testing import CliRunner

from bridge.cli import cli
from bridge.config.lookup_tables import TableError, cell, load, load_all

ACCOUNT = """\
accounts:
  main: {base_url: https://api.example.com, api_key: "${KEY}", integrations: {default: "1"}}
"""
RULE = """\
schema: 1
id: daily-budget
title: Pause an offer at its budget
trigger: {every: 15m}
scope: {per: [offer], where: {offer.active: true}, join: {budgets: offer.id}}
data: {window: today, need: {clicks: 1}, fresh: 45m}
when: [payout >= budgets.daily_budget]
then: [{pause: offer, hold: midnight}]
"""

DAY = date(2026, 3, 4)


@pytest.fixture
def check(tmp_path):
    for directory in ("rules", "tables"):
        (tmp_path / directory).mkdir()
    (tmp_path / "bridge.yaml").write_text(ACCOUNT)
    (tmp_path / "rules" / "budget.yaml").write_text(RULE)

    def check(**files: str) -> str:
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return CliRunner(env={"KEY": "k"}).invoke(cli, ["check", str(tmp_path)]).output

    return check


def test_cells_that_a_rule_cannot_compare_are_told_with_file_line_column_and_value(check):
    found = check(tables__budgets_dot_csv='offer_id,daily_budget\n1001,"1,500.00"\n1002,$500\n1003,5\nTotal,2000\n')
    assert "tables/budgets.csv:2:2: daily_budget of '1001' is '1,500.00', no number, and the rule daily-budget" in found
    assert "tables/budgets.csv:3:2: daily_budget of '1002' is '$500'" in found
    assert "tables/budgets.csv:5:1: the key 'Total' is not a number as the others are" in found
    assert "1 rule, 2 errors, 1 warning" in found


def test_a_key_that_a_spreadsheet_has_shortened_is_a_warning_and_hurts_only_itself(check):
    found = check(tables__budgets_dot_csv="offer_id,daily_budget\n1.00E+03,500\n7,500\n")
    assert "tables/budgets.csv:2:1: the key '1.00E+03' is an id that a spreadsheet has shortened" in found
    assert "1 rule, 0 errors, 1 warning" in found


def test_a_declared_column_reads_what_spreadsheets_write(check, tmp_path):
    declared = ACCOUNT + "tables: {budgets: {daily_budget: money}}\n"
    text = 'offer_id,daily_budget\n1001,"1,500.00"\n1002,$500\n'
    assert "1 rule, 0 errors, 0 warnings" in check(bridge_dot_yaml=declared, tables__budgets_dot_csv=text)
    table = load(tmp_path / "tables" / "budgets.csv", {"daily_budget": "money"})
    assert [row.cells["daily_budget"] for row in table.rows] == [Decimal(1500), Decimal(500)]


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ("5%", "percent", Decimal("0.05")), ("0,05", "percent", Decimal("0.05")), ("007", "text", "007"),
        ("true", "text", "true"), ("true", "boolean", True), ("", "money", None), ("12", None, Decimal(12)),
        ("007", None, "007"), ("0.5", None, Decimal("0.5")), ("true", None, True), ("inf", None, "inf"),
        ("1e400", None, "1e400"),
    ],
)  # fmt: skip
def test_a_cell_means_what_its_column_is_declared_as(text, type_, value):
    assert cell(text, type_) == value


@pytest.mark.parametrize(
    ("shown", "remedy"),
    [("80%", "{budgets: {daily_budget: percent}}"), ("$500", "{budgets: {daily_budget: money}}"), ("a lot", None)],
)
def test_a_declared_type_is_named_only_where_it_reads_the_cell(check, shown, remedy):
    found = check(tables__budgets_dot_csv=f"offer_id,daily_budget\n1001,{shown}\n1002,5\n")
    assert "1 rule, 1 error" in found
    assert ("declare `tables: " in found) is (remedy is not None)
    assert remedy is None or remedy in found


def test_a_boolean_where_a_number_is_needed_is_shown_as_it_stands(check):
    assert "is 'true', no number" in check(tables__budgets_dot_csv="offer_id,daily_budget\n1001,true\n1002,5\n")


def test_a_table_that_cannot_be_read_is_told_once_and_named_where_it_is_used(check):
    found = check(tables__budgets_dot_csv="offer_id,daily_budget\n1001\n").splitlines()
    assert found == [
        "rules/budget.yaml:5:59: the table 'budgets' cannot be read; fix tables/budgets.csv first",
        "tables/budgets.csv:2:1: 1 cell under 2 columns; the row is cut off, or a cell lacks quotes",
        "0 rules, 2 errors, 0 warnings",
    ]


def test_a_title_above_the_columns_and_an_empty_key_are_called_so(check):
    found = check(tables__budgets_dot_csv="Budgets 2026\noffer_id,daily_budget\n1001,5\n")
    assert "tables/budgets.csv:2:1: 2 cells under 1 column; a title stands above the column names" in found
    found = check(tables__budgets_dot_csv="offer_id,daily_budget\n1001,5\n,6\n")
    assert "tables/budgets.csv:3:1: the key is empty; the row matches nothing, write '*' for any (warning)" in found


def test_where_commas_are_decimals_a_point_may_separate_thousands(tmp_path):
    (tmp_path / "b.csv").write_text("offer_id;daily\n1;1.500\n")
    with pytest.raises(TableError, match=r"b.csv:2:2: daily of '1': '1.500' may be 1500 or 1.500"):
        load(tmp_path / "b.csv", {"daily": "money"})


@pytest.mark.parametrize("key", ['"=""1001"""', "'1001", "1001.0", "1001\u200b", '"1001,0"'])
def test_a_key_is_read_as_spreadsheets_write_it(tmp_path, key):
    (tmp_path / "b.csv").write_text(f"offer_id,daily\n{key},5\n")
    assert load(tmp_path / "b.csv").row(("1001",), DAY) == {"offer_id": "1001", "daily": 5}


@pytest.mark.parametrize(("keys", "told"), [(("01001", "7", "8"), 1), (("01067", "04109"), 0)])
def test_a_key_that_begins_with_zero_is_told_where_the_others_do_not(check, keys, told):
    rows = "".join(f"{key},5\n" for key in keys)
    found = check(tables__places_dot_csv=f"place,daily_budget\n{rows}")
    assert found.count("begins with 0, unlike the others; it probably matches nothing") == told


def test_a_cell_that_does_not_fit_is_refused_with_its_place(tmp_path):
    (tmp_path / "b.csv").write_text("offer,daily\n1,2\n2,a lot\n")
    with pytest.raises(TableError, match=r"^tables/b.csv:3:2: daily of '2': 'a lot' is not a number"):
        load(tmp_path / "b.csv", {"daily": "number"})


def test_declarations_of_what_is_not_there_are_told(tmp_path):
    (tmp_path / "b.csv").write_text("offer,daily\n1,2\n")
    _, problems = load_all(tmp_path, {"b": {"dayly": "money"}, "c": {"x": "text"}})
    assert problems == [
        "bridge.yaml: tables.b.dayly: no such column; it has offer, daily",
        "bridge.yaml: tables.c: there is no readable file tables/c.csv",
    ]


NOT_READ = ["rules/team/budget.yaml", "rules/B.YAML", "rules/b.yaml.txt", "rules/b.json", "tables/B.CSV"]


@pytest.mark.parametrize("name", NOT_READ)
def test_a_file_that_nobody_reads_is_named(check, tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("offer,daily\n")
    assert f"{name}:1:1: nobody reads this file" in check(tables__budgets_dot_csv="offer,daily_budget\n1,2\n")


def test_a_link_to_a_directory_is_named_and_a_pipe_is_not_waited_for(check, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.yaml").write_text("schema: 1\n")
    (tmp_path / "rules" / "team").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "rules" / "pipe.yaml")
    os.mkfifo(tmp_path / "tables" / "pipe.csv")
    found = check(tables__budgets_dot_csv="offer,daily_budget\n1,2\n")
    assert "rules/team:1:1: nobody reads this file" in found
    assert "rules/pipe.yaml:1:1: is not a regular file" in found
    assert "tables/pipe.csv:1:1: is not a regular file" in found


@pytest.mark.parametrize(
    "name", ["._x.yaml", ".#x.yaml", "x.yaml~", "#x.yaml#", ".x.yaml.swp", ".DS_Store", "README.md"]
)
def test_what_editors_leave_is_passed_over(check, tmp_path, name):
    (tmp_path / "rules" / name).write_bytes(b"\x00\xff nothing")
    found = check(tables__budgets_dot_csv="offer,daily_budget\n1,2\n")
    assert found == "1 rule, 0 errors, 0 warnings\n"


def test_a_column_that_is_compared_with_the_date_holds_dates(check):
    rule = RULE.replace("payout >= budgets.daily_budget", "payout > 5 and date <= budgets.daily_budget")
    assert rule != RULE
    good = check(rules__budget_dot_yaml=rule, tables__budgets_dot_csv="offer_id,daily_budget\n1001,2026-12-24\n1002,\n")
    assert "1 rule, 0 errors" in good
    bad = check(tables__budgets_dot_csv="offer_id,daily_budget\n1001,24.12.2026\n1002,5\n")
    assert "tables/budgets.csv:2:2: daily_budget of '1001' is '24.12.2026', not a date, and the rule" in bad
    assert "write it like 2026-12-24" in bad
    assert "tables/budgets.csv:3:2: daily_budget of '1002' is '5', not a date" in bad
