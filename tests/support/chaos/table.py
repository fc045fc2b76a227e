"""The table of docs/reliability.md: how often each fault struck and was survived, from the rounds' own notes."""

import json
from collections.abc import Iterable
from pathlib import Path

from chaos import page


def note(directory: Path, **facts: object) -> None:
    """One line for each round that has ended, good or bad."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "rounds.jsonl").open("a") as file:
        file.write(json.dumps(facts) + "\n")


def write(directory: Path, target: Path) -> None:
    rounds = [json.loads(line) for line in (directory / "rounds.jsonl").read_text().splitlines()]
    page.put(target, "chaos", _table(rounds))


def _table(rounds: list[dict]) -> str:
    lines = [
        "| fault | database | rounds | survived | webhooks answered | effects | slowest until quiet |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for name, database in dict.fromkeys((one["fault"], one["database"]) for one in rounds):
        lines.append(
            _line(name, database, [one for one in rounds if (one["fault"], one["database"]) == (name, database)])
        )
    good = sum(not one["problems"] for one in rounds)
    sums = f"{_sum(rounds, 'webhooks')} webhooks, {_sum(rounds, 'effects')} effects"
    total = f"{len(rounds)} rounds, {good} survived; {sums}."
    return "\n".join([*lines, "", total]) + "\n"


def _line(name: str, database: str, rounds: list[dict]) -> str:
    survived = sum(not one["problems"] for one in rounds)
    slowest = max(one["seconds"] for one in rounds)
    counts = f"{len(rounds)} | {survived} | {_sum(rounds, 'webhooks')} | {_sum(rounds, 'effects')}"
    return f"| {name} | {database} | {counts} | {slowest:.0f} s |"


def _sum(rounds: Iterable[dict], name: str) -> int:
    return sum(one[name] for one in rounds)
