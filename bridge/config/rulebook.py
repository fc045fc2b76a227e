"""Publish the rules directory as one generation that all workers use.

Reading is all or nothing per rule: what is broken keeps its last good revision, its neighbours move on, and
the generation says what is wrong and where. Only `publish` reads files; workers read the database.
"""

from datetime import datetime
from typing import Any

import structlog

from bridge.config.rules_directory import DIRECTORY, RulesSnapshot, digest, read
from bridge.config.settings import Settings
from bridge.store import revisions as stored_revisions
from bridge.store.engine import Store
from rules.model.errors import Problem

log = structlog.get_logger()


def publish(store: Store, settings: Settings, *, now: datetime) -> tuple[RulesSnapshot, bool]:
    """Read the directory and publish a new generation, unless nothing has changed since the last one.

    Returns the result of reading, and whether there is a new generation.
    """
    reading = read(settings)
    with store.write() as session:
        newest = stored_revisions.newest(session)
        if newest is not None and newest.digest == reading.digest:
            return reading, False
        rows = {one.id: _row(one.id, one.hash, one.place.file, one.text) for one in reading.revisions}
        stale = set()
        for _link, kept in stored_revisions.live(session, newest.id) if newest else []:
            if kept.rule_id not in rows and _broken(kept.file, reading):
                rows[kept.rule_id] = _row(kept.rule_id, kept.hash, kept.file, kept.text)
                stale.add(kept.rule_id)
        generation = stored_revisions.publish(
            session,
            digest=reading.digest,
            revisions=list(rows.values()),
            stale=frozenset(stale),
            problems=[_problem(problem) for problem in reading.problems],
            now=now,
        )
        number = generation.id
    log.info("rules loaded", generation=number, rules=len(rows), stale=sorted(stale), problems=len(reading.problems))
    return reading, True


def publish_changes(store: Store, settings: Settings, *, now: datetime) -> None:
    """Call `publish` in a process that starts: most often the newest generation already matches the files."""
    with store.read() as session:
        newest = stored_revisions.newest(session)
    if newest is None or newest.digest != digest(settings):
        publish(store, settings, now=now)


def _broken(file: str, reading: RulesSnapshot) -> bool:
    """Return rules that are gone from a file with errors: they probably should stay.

    From a clean file they were deleted.

    A missing directory deletes no rule: it was not mounted, or is being replaced.
    """
    return any(problem.place.file in {file, DIRECTORY} for problem in reading.errors)


def _row(rule_id: str, digest: str, file: str, text: str) -> dict[str, Any]:
    return {"hash": digest, "rule_id": rule_id, "file": file, "text": text}


def _problem(problem: Problem) -> dict[str, Any]:
    place = problem.place
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "message": problem.message,
        "severity": problem.severity,
    }
