#!/usr/bin/env bash
# csvkit makes booleans of a column of conversions as long as no offer has two of them.
#
# Packages: csvkit 2.2.0, agate 1.14.2.
#
# Expected: a column that holds 0 and 1 under the name `conversions` is a column of numbers, and one more row with a 2
# changes a value, not the type.
# Seen: agate, which guesses the types, tries booleans before numbers. With counts 0 and 1, `csvjson` writes false and true,
# `csvstat` knows no sum of the column, and `csvsql` makes a BOOLEAN column of it. With a 2 in any row all are numbers.
#
# Why it matters here: the first export of a new offer, or of a quiet hour, has counts of 0 and 1 only. A table made
# from it refuses the first 2, and a webhook body made from it says `"conversions": true`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check csvkit==2.2.0 agate==1.14.2
cd "$folder"
printf 'offer,conversions\n7,0\n8,1\n' > quiet.csv
printf 'offer,conversions\n7,0\n8,2\n' > busy.csv
for file in quiet busy; do
  venv/bin/csvjson "$file.csv" > "$file.json"
  echo "$file hour: $(cat "$file.json")"
done
venv/bin/csvsql -i postgresql quiet.csv > quiet.sql
cat quiet.sql
venv/bin/csvstat --sum quiet.csv > quiet.sums 2>&1 || true
echo "sums: $(tr '\n' ' ' < quiet.sums)"
grep -q '"conversions": true' quiet.json
grep -q '"conversions": 2.0' busy.json
grep -q 'conversions BOOLEAN' quiet.sql
