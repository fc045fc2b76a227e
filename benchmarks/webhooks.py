"""Benchmark the whole job side by side: our service, Node-RED, the simplest program, the bare server.

Ratios travel, figures do not.

python -m benchmarks webhooks
"""

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from benchmarks import contenders, load, picture
from benchmarks.contenders import Contender
from benchmarks.load import Load

WARM = 200
TOTAL = 4_000
SLOW = 20  # webhooks a second at which delays are looked at
SECONDS = 5
QUIET = 5  # seconds before delays are looked at: ours still reads back what it has just paused
AT_REST = 0.1  # of a core, over a second; a service that has just started does more until it has read the network
PATIENCE = 120
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "whole-job.svg"


def run() -> list[dict[str, Any]]:
    """One row for each contender, ours first, with ratios to Node-RED where it could be run."""
    makers: tuple[Callable[[], AbstractContextManager[Contender]], ...] = (
        lambda: contenders.ours(WARM + TOTAL + 3_000),
        contenders.node_red,
        contenders.naive,
        contenders.bare,
    )
    rows = []
    for make in makers:
        try:
            with make() as one:
                print(f"measuring {one.name} ...", file=sys.stderr)
                rows.append(measure(one))
        except LookupError as error:
            print(f"left out: {error}", file=sys.stderr)
    peer = next((row for row in rows if row["what"] == "Node-RED"), None)
    for row in rows:
        row["to Node-RED"] = (
            round(row["end to end/s"] / peer["end to end/s"], 2) if peer and row["end to end/s"] else ""
        )
    drawn = {row["what"]: row["end to end/s"] for row in rows if row["end to end/s"]}
    PICTURE.write_text(picture.bars("webhooks a second, end to end", drawn))
    return rows


def measure(one: Contender) -> dict[str, Any]:
    """Saturation first, then an even pace: 20 a second, and half of what it did end to end."""
    calls = one.name != "bare Flask on the same server"
    settle(one)
    load.saturate(one.host, one.port, [one.request(number) for number in range(WARM)])
    wait(one, WARM // 2 if calls else 0)
    settle(one)
    requests = [one.request(number) for number in range(WARM, WARM + TOTAL)]
    started = time.perf_counter()
    full = load.saturate(one.host, one.port, requests)
    wait(one, (WARM + TOTAL) // 2 if calls else 0)
    per_second = TOTAL / (time.perf_counter() - started)
    memory = one.memory_mb()
    time.sleep(QUIET)
    first = WARM + TOTAL
    slow, slow_delays = paced(one, first, SLOW * SECONDS, SLOW, calls=calls)
    first += SLOW * SECONDS
    time.sleep(QUIET)
    half_rate = min(per_second, full.per_second) / 2
    half, half_delays = paced(one, first, min(int(half_rate * SECONDS), 2_800), half_rate, calls=calls)
    refused = {status: count for status, count in full.statuses.items() if status != 202}
    return {
        "what": one.name,
        "accepted/s": round(full.per_second),
        "end to end/s": round(per_second) if calls else 0,
        "answer at saturation p50/p95/p99 ms": _three(full.latencies),
        f"answer at {SLOW}/s": _three(slow.latencies),
        f"to the call at {SLOW}/s": _three(slow_delays),
        "answer at half load": _three(half.latencies),
        "to the call at half load": _three(half_delays),
        "half load/s": round(half_rate),
        "memory MB": memory,
        "cold start s": round(one.start_seconds, 1),
        "refused": refused or "",
        "version": one.version,
    }


def paced(one: Contender, first: int, count: int, rate: float, *, calls: bool = True) -> tuple[Load, list[float]]:
    """Webhooks at an even pace, and the seconds from each that matches until it has reached the API."""
    before = one.reached() if calls else 0
    requests = [one.request(first + number) for number in range(count)]
    found = load.paced(one.host, one.port, requests, rate)
    if not calls:
        return found, []
    wait(one, before + sum((first + number) % 2 for number in range(count)))
    times = one.times()
    sent = {first + number: at for number, at in enumerate(found.sent)}
    return found, [times[number] - at for number, at in sent.items() if number in times]


def settle(one: Contender) -> None:
    """Wait until a program that has started, or has worked, is at rest. Raises TimeoutError after PATIENCE seconds."""
    until = time.perf_counter() + PATIENCE
    before = one.processor()["all"]
    while time.perf_counter() < until:
        time.sleep(1)
        now = one.processor()["all"]
        if 0 <= now - before < AT_REST:
            return
        before = now
    raise TimeoutError(f"{one.name}: it does not come to rest in {PATIENCE} s")


def wait(one: Contender, wanted: int) -> None:
    """Raises TimeoutError when the API has not been reached often enough after PATIENCE seconds."""
    until = time.perf_counter() + PATIENCE
    while (reached := one.reached()) < wanted:
        if time.perf_counter() > until:
            raise TimeoutError(f"{one.name}: {reached} of {wanted} matches reached the API in {PATIENCE} s")
        time.sleep(0.1)


def _three(seconds: list[float]) -> str:
    if not seconds:
        return ""
    return " / ".join(f"{load.percentile(seconds, share):.1f}" for share in (0.5, 0.95, 0.99))


if __name__ == "__main__":
    for row in run():
        print(row)
