#!/usr/bin/env bash
# Exact payouts that are written as Parquet with fastparquet come back as floats, with other cents.
#
# Packages: fastparquet 2026.9.0, pyarrow 26.0.1, pandas 3.1.1.
#
# Expected: Parquet has a decimal type, and a column of Decimal objects is stored in it, as pyarrow does.
# Seen: fastparquet finds out by itself that the column holds decimals, and stores doubles. 123456789012345.67 and 0.10
# come back as floats; a sum of 17 digits has lost its cents. There is no warning.
#
# Why it matters here: payouts and revenue are kept as decimals so that sums agree with the invoice to the cent. An export
# by way of Parquet changes them silently, and only in large totals where a person would look last.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check fastparquet==2026.9.0 pyarrow==26.0.1 pandas==3.1.1
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys
from decimal import Decimal

import pandas as pd

PAYOUTS = [Decimal("0.10"), Decimal("123456789012345.67")]
seen = {}
for engine in ("pyarrow", "fastparquet"):
    file = f"{sys.argv[1]}/{engine}.parquet"
    pd.DataFrame({"payout": PAYOUTS}).to_parquet(file, engine=engine)
    found = pd.read_parquet(file, engine=engine)["payout"].tolist()
    seen[engine] = [Decimal(one) if isinstance(one, Decimal) else Decimal(float(one)) for one in found]
    print(f"{engine:12} {type(found[0]).__name__:8} {[str(one) for one in seen[engine]]}")
sys.exit(0 if seen["pyarrow"] == PAYOUTS and all(a != b for a, b in zip(seen["fastparquet"], PAYOUTS)) else 1)
PY
