"""The result file of an import: what is read again, and what a spreadsheet makes of it."""

import csv

from bridge.cli.api_csv_import import Entry, Journal


def test_a_servers_words_are_no_formula_in_the_result_file(tmp_path):
    path = tmp_path / "publishers.result.csv"
    journal = Journal(path)
    entry = Entry(line=2, fields={"name": "Ann"})
    journal.note(entry, "failed", message='=HYPERLINK("https://elsewhere.example")')
    journal.close()
    with path.open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert row["message"].startswith("'=")
    assert Journal(path).status(entry) == "failed"
