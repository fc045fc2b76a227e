"""Measure how much rules write about their answers: many changing answers fill the disk."""

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bridge.config import settings
from bridge.services.container import Services
from bridge.store import runs
from bridge.store.schema_version import pending

PERIOD = timedelta(days=1)


def written(session: Session, now: datetime) -> dict[str, int]:
    """Return rule → the bytes of the last 24 hours, the largest first; without rules that wrote nothing."""
    sizes = runs.answer_bytes(session, now - PERIOD)
    return {rule: sizes[rule] for rule in sorted(sizes, key=lambda one: (-sizes[one], one))}


def written_in_home(directory: Path | None) -> tuple[str, ...]:
    """Return one line for each rule of a directory; nothing if no database can be read from here."""
    services = Services(settings.load(directory))
    try:
        if pending(services.store.engine):
            return ()
        with services.store.read() as session:
            found = written(session, services.clock())
    except SQLAlchemyError:
        return ()
    finally:
        services.close()
    return tuple(f"{rule}: wrote {megabytes(size)} about its answers in 24 hours" for rule, size in found.items())


def megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
