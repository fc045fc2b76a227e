#!/usr/bin/env bash
# Two tools that read CSV turn the sub id "00012" into 12 and "1e5" into 100000, without being asked.
#
# Packages: sqlite-utils 4.2.1, frictionless 5.21.0, DuckDB 2.0.1.
#
# Expected: a column is a column of numbers only where nothing is lost, as with DuckDB, which leaves the sub ids text.
# Seen: `sqlite-utils insert --csv` finds types by default since version 4, and so does frictionless: leading zeros are
# gone, "00012" and "12" become one id. Codes such as "1e5" become numbers in all three.
#
# Why it matters here: sub ids, postal codes and coupon codes are texts of digits. After such an import rows of two
# publishers' placements are summed into one, and what is sent back to the tracker matches nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check sqlite-utils==4.2.1 frictionless==5.21.0 duckdb==2.0.1
printf 'sub_id,code,payout\n00012,1e5,1.50\n12,2e5,0.10\n' > "$folder/report.csv"
(cd "$folder" && venv/bin/sqlite-utils insert report.db report report.csv --csv --silent)
"$folder/venv/bin/python" - "$folder" <<'PY'
import sqlite3
import sys

import duckdb
from frictionless import Resource

folder = sys.argv[1]
seen = {
    "sqlite-utils": sqlite3.connect(f"{folder}/report.db").execute("select sub_id, code from report").fetchall(),
    "frictionless": [(row["sub_id"], row["code"]) for row in Resource("report.csv", basepath=folder).read_rows()],
    "duckdb": duckdb.sql(f"select sub_id, code from '{folder}/report.csv'").fetchall(),
}
for name, rows in seen.items():
    print(f"{name:13}", rows)
taken_for_numbers = [name for name, rows in seen.items() if [int(one[0]) for one in rows if one[0] != "00012"] == [12, 12]]
print("00012 and 12 are one id for:", ", ".join(taken_for_numbers) or "none")
sys.exit(0 if {"sqlite-utils", "frictionless"} <= set(taken_for_numbers) else 1)
PY
