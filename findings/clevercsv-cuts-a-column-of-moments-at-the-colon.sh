#!/usr/bin/env bash
# CleverCSV finds a delimiter in files of one column: moments are cut at the colon, e-mail addresses at the @.
#
# Packages: clevercsv 0.8.5.
#
# Expected: a file with one column has no delimiter; whichever character is taken, each row stays one cell.
# Seen: `Sniffer().sniff` answers ":" for a column of moments, "@" for e-mail addresses and "-" for short click ids, and the
# reader gives rows of two and three cells under a header of one. Columns of numbers, UUIDs and addresses of pages stay whole.
#
# Why it matters here: a list of click ids, publishers' addresses or moments to exclude is a file of one column. The first
# cell of each row then holds a part of the value, and what is looked up by it is not found, or is somebody else.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check clevercsv==0.8.5
"$folder/venv/bin/python" - <<'PY'
import clevercsv

FILES = {
    "time\n2026-11-29 10:00:00\n2026-11-29 11:00:00\n": (":", ["2026-11-29 10", "00", "00"]),
    "email\nann@example.com\nbob@example.org\n": ("@", ["ann", "example.com"]),
    "click id\nabc-1\nabc-2\n": ("-", ["abc", "1"]),
    "payout\n1.50\n2.25\n": ("", ["1.50"]),
}
for text, (delimiter, cells) in FILES.items():
    dialect = clevercsv.Sniffer().sniff(text)
    first = list(clevercsv.reader(text.splitlines(), dialect))[1]
    print(f"{text.splitlines()[1]!r}: delimiter {dialect.delimiter!r}, first row {first}")
    assert (dialect.delimiter, first) == (delimiter, cells)
PY
