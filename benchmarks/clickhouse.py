"""Benchmark the scheduled evaluation with observations in ClickHouse, beside the same rows in the database, in one run.

The rules and the traffic are those of `evaluations.py`. ClickHouse is its engine embedded (chdb) in a process of its
own, behind HTTP on this machine: it shares the processor with the service, and there is no network between the two.

    python benchmarks/clickhouse.py --rows 1000000 3000000
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
# Files beside this one are called as packages of the service are.
sys.path[0:1] = [str(HERE.parents[1]), str(HERE.parents[1] / "tests" / "support")]
import clickhouse_server  # noqa: E402 - found by the line above

from benchmarks import evaluations  # noqa: E402 - as well

PARTS = ("prepare", "move", "evaluate", "start-again")


def move(home: Path) -> dict[str, Any]:
    """Put all rows into ClickHouse."""
    build, began = evaluations.Build(home), time.perf_counter()
    moves = importlib.import_module("bridge.operations.observation_moves")
    found = moves.move_observations(build.services, "clickhouse", lambda _: None)
    assert found.facts == found.of
    return {"move s": round(time.perf_counter() - began, 1)}


def evaluate(home: Path, part: str) -> dict[str, Any]:
    """The figures of one process, with the time that it waited for answers and how many there were."""
    server = importlib.import_module("bridge.reports.clickhouse_client").ClickHouse
    asked, waited, ask = 0, 0.0, server.blocks

    def counted(self: Any, query: str) -> Any:
        nonlocal asked, waited
        asked, began = asked + 1, time.perf_counter()
        found = list(ask(self, query))
        waited += time.perf_counter() - began
        return iter(found)

    server.blocks = counted
    found = (evaluations.evaluate if part == "evaluate" else evaluations.start_again)(home)
    return found | {f"{part} questions": asked, f"{part} waited s": round(waited, 2)}


def measured(rows: int, server: clickhouse_server.Server | None) -> dict[str, Any]:
    """All figures with the rows in the database, or in ClickHouse."""
    with tempfile.TemporaryDirectory(prefix="clickhouse-") as directory:
        home = Path(directory) / "home"
        home.mkdir()
        found: dict[str, Any] = {}
        for part in PARTS:
            if part == "move" and server is None:
                continue
            environment = {**os.environ, "BRIDGE_LOG": "json", "PYTHONWARNINGS": "ignore"}
            if server is not None:
                environment["OBSERVATIONS_URL"] = server.url
            command = [sys.executable, str(HERE), "--part", part, "--home", str(home), "--rows", str(rows)]
            with (home / f"{part}.log").open("w") as log:
                done = subprocess.run(
                    command,
                    env=environment,
                    text=True,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd=HERE.parents[1],
                    check=False,
                )
            assert done.returncode == 0, (home / f"{part}.log").read_text()[-3_000:]
            found |= json.loads(done.stdout.splitlines()[-1])
        if server is not None:
            size = server.ask(
                "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'bridge_observations'"
            )
            found |= {"engine peak MB": server.peak_mb(), "bytes a row": round(int(size) / rows, 1)}
        return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", nargs="+", type=int, default=[1_000_000])
    parser.add_argument("--only", choices=["database", "clickhouse"])
    parser.add_argument("--part")
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    if given.part == "prepare":
        evaluations.prepare(given.home, given.rows[0], "shadow")
        print("{}")
    elif given.part == "move":
        print(json.dumps(move(given.home)))
    elif given.part:
        print(json.dumps(evaluate(given.home, given.part)))
    else:
        for rows in given.rows:
            if given.only != "clickhouse":
                print(json.dumps({"rows": rows, "in": "the database", **measured(rows, None)}), flush=True)
            if given.only == "database":
                continue
            with clickhouse_server.started() as server:
                print(json.dumps({"rows": rows, "in": "ClickHouse", **measured(rows, server)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
