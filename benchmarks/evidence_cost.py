"""Measure what `@95% a month` costs beside a plain `@95%`: 100 metric rules over 50,000 offers, in one run.

Each figure comes from a process of its own, which is told to be `once` or `month`, so that the peaks of memory can be
compared; both kinds run in turns. Time is that of the processor. `columns` are ready sums, as in `benchmarks.rules`;
`windows` are summed by the service's own engine from 31 days of clicks and conversions, twice: the first evaluation of
a process, and the one a quarter of an hour later.

python -m benchmarks evidence_cost
"""

import json
import resource
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any

import numpy as np

from benchmarks import rules
from bridge.reports.fact_batch import DTYPES, Batch, Labels
from bridge.reports.past_facts import Past
from bridge.reports.windows import Windows
from bridge.store.feeds import Kind
from rules.evaluation.evaluate import evaluate
from rules.model.facts import Subject

LIMIT = 1.5
TURNS = 2
CLICKS, CONVERSIONS, DAYS = 3_000_000, 60_000, 31
KINDS = {"once": "@95%", "month": "@95% a month"}
QUARTER = timedelta(minutes=15)
FIGURES = {
    "first": "first evaluation, processor s",
    "next": "next evaluation, processor s",
    "mb": "peak of memory, MB",
}


def _batch(count: int, random: np.random.Generator, *, converts: bool) -> Batch:
    now = int(rules.NOW.timestamp())
    columns = {name: np.zeros(count, dtype=kind) for name, kind in DTYPES.items()}
    columns["event"] = np.sort(random.integers(now - DAYS * 86_400, now + 900, count))
    columns["weight"] = np.ones(count, dtype=np.int32)
    columns["delay"] = random.exponential(7200, count).astype(np.int32) if converts else np.full(count, -1, np.int32)
    columns["seen"] = columns["event"] + 60
    offers = random.integers(1, rules.SUBJECTS + 1, count, dtype=np.int32)
    names = ("", *(str(number) for number in range(rules.SUBJECTS)))
    owners = ("", *(f"a{number}" for number in range(200)))
    return Batch(
        **columns,
        labels={"offer": Labels(offers, names), "advertiser": Labels((offers % 200 + 1).astype(np.int32), owners)},
    )


def _past() -> Past:
    random, windows = np.random.default_rng(3), Windows(delays=True)
    windows.load(Kind.CLICKS, [_batch(CLICKS, random, converts=False)])
    windows.load(Kind.CONVERSIONS, [_batch(CONVERSIONS, random, converts=True)])
    subjects = tuple(Subject(("offer",), (str(number),)) for number in range(rules.SUBJECTS))
    return Past(windows, subjects, since=rules.NOW - timedelta(days=DAYS))


def measure(facts: str, kind: str) -> dict[str, float]:
    """Processor seconds of the first and the second evaluation of all rules, and the peak of memory in MB."""
    text = rules.METRIC_RULE.replace(KINDS["once"], KINDS[kind]).replace(
        "unless: [advertiser.conversions = 0 over 1h]\n", ""
    )
    revisions = rules.metric_rules(text)
    past = _past() if facts == "windows" else None
    spent = []
    for now in (rules.NOW, rules.NOW + QUARTER):
        asked: Any = None  # what was worked out for the last moment goes before the next one
        asked = past.at(now) if past else rules.Columns(rules.SUBJECTS)
        begun = time.process_time()
        for revision in revisions:
            evaluate(revision, asked, now).count()
        spent.append(time.process_time() - begun)
    return {"first": spent[0], "next": spent[1], "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def run() -> list[dict[str, Any]]:
    """One row per kind of facts: both costs, their ratio, and whether it is within the limit."""
    rows = []
    for facts in ("columns", "windows"):
        found: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
        for _ in range(TURNS):
            for kind in KINDS:
                found[kind].append(_in_a_process_of_its_own(facts, kind))
        for figure, words in FIGURES.items():
            once, month = (min(one[figure] for one in found[kind]) for kind in KINDS)
            rows.append(
                {
                    "benchmark": f"100 rules over 50,000 offers, {facts}: {words}",
                    "@95%": round(once, 2),
                    "@95% a month": round(month, 2),
                    "ratio": round(month / once, 2),
                    "limit": LIMIT,
                    "reached": "yes" if month <= LIMIT * once else "NO",
                }
            )
    return rows


def _in_a_process_of_its_own(facts: str, kind: str) -> dict[str, float]:
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.evidence_cost", facts, kind], check=True, capture_output=True, text=True
    )
    found: dict[str, float] = json.loads(told.stdout)
    return found


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(measure(*sys.argv[1:])))
    else:
        for row in run():
            print(row)
