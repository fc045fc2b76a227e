"""Run the benchmarks, print their figures, keep them as JSON."""

import importlib
import json
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

NAMES = (
    "rules",
    "evidence_cost",
    "evidence",
    "collapses",
    "bounds",
    "false_pauses",
    "tracking",
    "unusual",
    "budget",
    "windows",
    "ingest",
    "backtest",
    "effects",
    "scale",
    "webhooks",
    "console",
)
RESULTS = Path(__file__).parent / "results.json"


RENAMED = {"door": "webhooks"}


def main(wanted: list[str]) -> int:
    wanted = [RENAMED.get(name, name) for name in wanted]
    unknown = set(wanted) - set(NAMES)
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in wanted or NAMES:
        started = time.perf_counter()
        rows = importlib.import_module(f"benchmarks.{name}").run()
        seconds = round(time.perf_counter() - started, 1)
        show(name, rows, seconds)
        found[name] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "seconds": seconds, "rows": rows}
    found["machine"] = {"python": platform.python_version(), "system": platform.system(), "cpu": platform.machine()}
    RESULTS.write_text(json.dumps(found, indent=1, default=str) + "\n")
    return 0


def show(name: str, rows: list[dict[str, object]], seconds: float) -> None:
    table = Table(title=f"{name} ({seconds} s)", title_justify="left", box=None)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(str(row.get(column, "")) for column in columns))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
