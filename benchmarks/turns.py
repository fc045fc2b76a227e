"""This checkout and another one in turns: what changed, as a ratio, on a machine that is never quiet.

python -m benchmarks.turns PATH [ROUNDS [EVENTS]], or `make bench BASE=PATH ROUNDS=2 EVENTS=2000`

PATH is a checkout, made by `git worktree add`. Where it has a .venv of its own that one is used, else this one's.
Each turn is a process of that checkout, with its own interpreter and its own stack; this file measures both alike.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
ROUNDS = 2
EVENTS = 2_000
LARGER_IS_BETTER = {"accepted/s", "end to end/s"}


def run(base: Path, rounds: int = ROUNDS, events: int = EVENTS) -> list[dict[str, Any]]:
    """One row for each figure: the other checkout, this one, and this one as a multiple of the other (medians)."""
    turns: dict[Path, list[dict[str, float]]] = {base: [], HERE: []}
    for number in range(rounds):
        for checkout in (base, HERE) if number % 2 == 0 else (HERE, base):
            print(f"round {number + 1} of {rounds}: {checkout.name} ...", file=sys.stderr)
            turns[checkout].append(_turn(checkout, events))
    rows = []
    for name in turns[HERE][0]:
        before, now = (statistics.median(one[name] for one in turns[checkout]) for checkout in (base, HERE))
        better = "larger" if name in LARGER_IS_BETTER else "smaller"
        ratio = f"{now / before:.2f} x" if before else ""
        rows.append({"what": name, "base": _short(before), "now": _short(now), "ratio": ratio, "better": better})
    return rows


def _short(number: float) -> float:
    return round(number) if number >= 100 else round(number, 2)


def _turn(checkout: Path, events: int) -> dict[str, float]:
    own = checkout / ".venv" / "bin" / "python"
    python = str(own) if own.exists() else sys.executable
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(checkout), os.getenv("PYTHONPATH")]))}
    done = subprocess.run(
        [python, "-P", __file__, "--turn", str(events)],  # -P: `rules.py` beside this file is not the package `rules`
        cwd=checkout, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{checkout}: the turn failed\n{done.stderr[-2_000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


# --- one turn, with the modules of the checkout whose process this is ---------------------------------------


def turn(events: int = EVENTS) -> dict[str, float]:
    from benchmarks import contenders, load  # noqa: PLC0415

    try:  # its name in this checkout
        from benchmarks import webhooks as door  # noqa: PLC0415
    except ImportError:
        from benchmarks import door  # noqa: PLC0415

    with contenders.ours(door.WARM + 2 * events + 500) as one:
        time.sleep(door.QUIET)
        found = {"cold start s": one.start_seconds, "memory at rest MB": float(one.memory_mb())}
        load.saturate(one.host, one.port, [one.request(number) for number in range(door.WARM)])
        door.wait(one, door.WARM // 2)
        before = _processor(one.pids())
        requests = [one.request(number) for number in range(door.WARM, door.WARM + events)]
        started = time.perf_counter()
        full = load.saturate(one.host, one.port, requests)
        door.wait(one, (door.WARM + events) // 2)
        found["accepted/s"] = full.per_second
        found["end to end/s"] = events / (time.perf_counter() - started)
        found["answer at saturation p50 ms"] = full.percentile(0.5)
        found["answer at saturation p99 ms"] = full.percentile(0.99)
        found["memory under load MB"] = float(one.memory_mb())
        time.sleep(door.QUIET)  # what it still reads back belongs to these events
        after = _processor(one.pids())
        for name in ("web", "worker", "all"):
            found[f"processor {name}, ms an event"] = (after[name] - before[name]) / events * 1000
        first, rate = door.WARM + events, min(found["accepted/s"], found["end to end/s"]) / 2
        for name, pace, count in (
            ("at 20/s", 20.0, min(100, events)),
            ("at half load", rate, min(int(rate * 5), events)),
        ):
            reached = one.reached()
            sent = load.paced(one.host, one.port, [one.request(first + n) for n in range(count)], pace).sent
            door.wait(one, reached + sum((first + number) % 2 for number in range(count)))
            times = one.times()
            delays = [times[first + n] - at for n, at in enumerate(sent) if first + n in times]
            found |= {f"to the call {name} p{n} ms": load.percentile(delays, n / 100) for n in (50, 99)}
            first += count
            time.sleep(door.QUIET)
    return found


def _processor(pids: list[int]) -> dict[str, float]:
    """Seconds of processor time, user and system, by what a process does."""
    import psutil  # noqa: PLC0415

    found = {"web": 0.0, "worker": 0.0, "all": 0.0}
    for pid in pids:
        one = psutil.Process(pid)
        seconds = sum(one.cpu_times()[:2])
        words = " ".join(one.cmdline())
        found["all"] += seconds
        if "bridge.web" in words:
            found["web"] += seconds
        elif "worker" in words:
            found["worker"] += seconds
    return found


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--turn"]:
        print(json.dumps(turn(int(arguments[1]))))
        return 0
    if not arguments:
        print("name the other checkout: python -m benchmarks.turns PATH [ROUNDS [EVENTS]]", file=sys.stderr)
        return 2
    from benchmarks.__main__ import show  # noqa: PLC0415

    started = time.perf_counter()
    rows = run(Path(arguments[0]).resolve(), *(int(one) for one in arguments[1:3]))
    show("in turns", rows, round(time.perf_counter() - started, 1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
