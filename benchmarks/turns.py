"""Compare this checkout with another one in turns, as ratios, because other programs share the machine.

Run `python -m benchmarks.turns PATH [ROUNDS [EVENTS]]`, or `make bench BASE=PATH ROUNDS=2 EVENTS=2000`. PATH is a
checkout, made by `git worktree add`.

Where it has a .venv of its own that one is used, else this one's. What takes turns is `integr8-bridge up` of the two;
the simulator and the load generator are those of this checkout.
"""

import statistics
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import contenders, load, webhooks
from benchmarks.__main__ import show
from benchmarks.contenders import HERE

ROUNDS = 2
EVENTS = 2_000
LARGER_IS_BETTER = {"accepted/s", "end to end/s"}


def run(base: Path, rounds: int = ROUNDS, events: int = EVENTS) -> list[dict[str, Any]]:
    """One row for each figure: the other checkout, this one, and this one as a multiple of the other (medians)."""
    turns: dict[Path, list[dict[str, float]]] = {base: [], HERE: []}
    for number in range(rounds):
        for checkout in (base, HERE) if number % 2 == 0 else (HERE, base):
            print(f"round {number + 1} of {rounds}: {checkout.name} ...", file=sys.stderr)
            turns[checkout].append(turn(checkout, events))
    rows = []
    for name in turns[HERE][0]:
        before, now = (statistics.median(one[name] for one in turns[checkout]) for checkout in (base, HERE))
        better = "larger" if name in LARGER_IS_BETTER else "smaller"
        ratio = f"{now / before:.2f} x" if before else ""
        rows.append({"what": name, "base": _short(before), "now": _short(now), "ratio": ratio, "better": better})
    return rows


def _short(number: float) -> float:
    return round(number) if number >= 100 else round(number, 2)


def turn(checkout: Path, events: int = EVENTS) -> dict[str, float]:
    """What one run of the service of a checkout came to."""
    with contenders.ours(webhooks.WARM + 2 * events + 500, checkout=checkout) as one:
        webhooks.settle(one)
        found = {"cold start s": one.start_seconds, "memory at rest MB": float(one.memory_mb())}
        load.saturate(one.host, one.port, [one.request(number) for number in range(webhooks.WARM)])
        webhooks.wait(one, webhooks.WARM // 2)
        webhooks.settle(one)
        before = one.processor()
        requests = [one.request(number) for number in range(webhooks.WARM, webhooks.WARM + events)]
        started = time.perf_counter()
        full = load.saturate(one.host, one.port, requests)
        webhooks.wait(one, (webhooks.WARM + events) // 2)
        found["accepted/s"] = full.per_second
        found["end to end/s"] = events / (time.perf_counter() - started)
        found["answer at saturation p50 ms"] = full.percentile(0.5)
        found["answer at saturation p99 ms"] = full.percentile(0.99)
        found["memory under load MB"] = float(one.memory_mb())
        time.sleep(webhooks.QUIET)  # what it still reads back belongs to these events
        after = one.processor()
        for name in ("web", "worker", "all"):
            found[f"processor {name}, ms an event"] = (after[name] - before[name]) / events * 1000
        first, rate = webhooks.WARM + events, min(found["accepted/s"], found["end to end/s"]) / 2
        for name, pace, count in (
            ("at 20/s", 20.0, min(100, events)),
            ("at half load", rate, min(int(rate * 5), events)),
        ):
            delays = webhooks.paced(one, first, count, pace)[1]
            found |= {f"to the call {name} p{n} ms": load.percentile(delays, n / 100) for n in (50, 99)}
            first += count
            time.sleep(webhooks.QUIET)
    return found


def main(arguments: list[str]) -> int:
    if not arguments:
        print("name the other checkout: python -m benchmarks.turns PATH [ROUNDS [EVENTS]]", file=sys.stderr)
        return 2
    started = time.perf_counter()
    rows = run(Path(arguments[0]).resolve(), *(int(one) for one in arguments[1:3]))
    show("in turns", rows, round(time.perf_counter() - started, 1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
