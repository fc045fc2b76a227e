#!/usr/bin/env bash
# One conversion rate becomes `5%`, `0.052` or `5.25%`, by the format of its cell, and a small one becomes 0.
#
# Packages: xlsx2csv 0.8.6, openpyxl 3.1.5 writes the workbook.
#
# Expected: the stored number, or the text that a spreadsheet shows: 5%, 5.3% (or 5.2%) and 5.25%.
# Seen: the formats `0%` and `0.00%` give the text with its sign. The format `0.0%`, one click in a spreadsheet, gives 0.052: no
# sign, and rounded to what would be 5.2 %. A plain cell with 1.234e-7 gives 0.
#
# Why it matters here: advertisers send their reports as workbooks. A column of rates holds 5%, 0.052 and 5.25% below each
# other, and each program that reads it by the sign or by the number is wrong by a hundred for a part of the rows.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check xlsx2csv==0.8.6 openpyxl==3.1.5
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import openpyxl

book = openpyxl.Workbook()
for place, (rate, form) in enumerate([(0.0525, "0%"), (0.0525, "0.0%"), (0.0525, "0.00%"), (0.0525, "General"), (1.234e-7, "General")], 1):
    cell = book.active.cell(place, 1, rate)
    cell.number_format = form
    book.active.cell(place, 2, f"{rate} as {form}")
book.save("rates.xlsx")
PY
"$folder/venv/bin/xlsx2csv" rates.xlsx rates.csv
cat rates.csv
[ "$(cut -d, -f1 rates.csv | tr '\n' ' ')" = "5% 0.052 5.25% 0.0525 0 " ]
