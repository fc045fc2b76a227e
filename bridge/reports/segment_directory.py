"""Manage the files of facts in the home: one per large chunk, made when it is first needed, removed after it.

The database is the truth: a file that is missing, damaged or foreign is made anew from its chunk. Several processes use
one directory. Each file is written under a name of its own and put in its place as a whole, by one process at a time;
the others wait for it. Where no file can be written (a full disk, a home that may only be read), the chunk is kept in
memory.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import structlog
from sqlalchemy.orm import Session

from bridge.reports import chunk_cache, saved_sums, segment_file
from bridge.reports.saved_sums import State
from bridge.reports.segment_file import Index, NotAFile, Reader
from bridge.reports.segments import Segment, Subjects, slim
from bridge.reports.stored_segments import Blocks, Repair, StoredSegment
from bridge.reports.windows import BY_CLICK, Source, by_click
from bridge.store import feeds, free_space, observations
from bridge.store.feeds import Kind
from bridge.store.observations import ChunkInfo
from bridge.store.private_files import private_directory
from rules.model.revision import ALWAYS_KEPT, DECLARABLE

log = structlog.get_logger()

OBSERVATIONS = "observations"  # in the home's var
SUMS = "sums"  # beside the files of an integration
#: Facts of a chunk that gets a file; smaller ones are young, and kept in memory until they are merged.
MIN_FACTS_OF_A_FILE = 1_024
LEFT_OVER = 3_600  # seconds after which an unfinished file belongs to no process any more
TELL_EVERY = 5.0  # seconds, while many files are made
SUFFIXES: dict[bool, str] = {False: "rows", True: "clicks"}  # by event time; by the time of the click


class SegmentDirectory:
    """The files of one account and integration."""

    def __init__(self, observations_directory: Path, account: str, integration: str) -> None:
        self._root = observations_directory / quote(account, safe="") / quote(integration, safe="")

    def segments(
        self, session: Session, kind: Kind, infos: Sequence[ChunkInfo], subjects: Subjects, kept: Blocks
    ) -> dict[int, dict[Source, StoredSegment]]:
        """Return the facts of these chunks from files, by chunk; without chunks that get no file."""
        found = {}
        told = time.monotonic()
        made = 0
        for position, info in enumerate(infos):
            if info.count < MIN_FACTS_OF_A_FILE:
                continue
            indexes = self._existing(kind, info)
            if indexes is None:
                indexes = self._made(session, kind, info)
                made += 1
            if made and time.monotonic() - told > TELL_EVERY:
                told = time.monotonic()
                log.info("observations are written to files", kind=str(kind), done=position + 1, of=len(infos))
            if indexes is not None:
                found[info.id] = {
                    source: StoredSegment(subjects, Reader(index), kept, self._repair(session, kind, info, source))
                    for source, index in indexes.items()
                }
        return found

    def prepare(self, session: Session, kind: Kind, infos: Sequence[ChunkInfo]) -> int:
        """Create the missing files in advance, so that nobody waits for them; returns how many."""
        missing = [info for info in infos if info.count >= MIN_FACTS_OF_A_FILE and self._existing(kind, info) is None]
        return sum(self._made(session, kind, info) is not None for info in missing)

    def sums(self) -> State | None:
        """Return the counts of an earlier process; None if nothing readable is stored."""
        try:
            return saved_sums.read(self._root / SUMS)
        except NotAFile as error:
            if (self._root / SUMS).exists():
                log.warning("sums of observations are counted again", error=str(error))
            return None

    def keep_sums(self, state: State) -> None:
        """Store the counts of this process, if there is room for them."""
        try:
            for each in (*reversed(self._root.parents[:2]), self._root):
                private_directory(each)
            self._need_room()
            saved_sums.write(self._root / SUMS, state)
        except OSError as error:
            log.warning("sums of observations are not saved", error=str(error))

    def sums_written_at(self) -> int | None:
        """Return when any process last wrote sums, in seconds since 1970."""
        return saved_sums.written_at(self._root / SUMS)

    def _path(self, kind: Kind, info: ChunkInfo, source: Source) -> Path:
        return self._root / str(kind) / f"{info.id}.{SUFFIXES[source == BY_CLICK]}"

    def _existing(self, kind: Kind, info: ChunkInfo) -> dict[Source, Index] | None:
        try:
            return {source: segment_file.read_index(self._path(kind, info, source), info.mark) for source in _of(kind)}
        except NotAFile:
            return None

    def _made(self, session: Session, kind: Kind, info: ChunkInfo) -> dict[Source, Index] | None:
        """Return the files of a chunk, made now or meanwhile by another process; None if that is impossible."""
        try:
            with self._alone(kind):
                return self._existing(kind, info) or self._make(session, kind, info)
        except (OSError, NotAFile) as error:
            log.warning("observations are kept in memory instead of in a file", error=str(error), kind=str(kind))
            return None

    def _make(self, session: Session, kind: Kind, info: ChunkInfo) -> dict[Source, Index]:
        now = observations.info(session, info.id)
        batch = None if now is None or now.mark != info.mark else chunk_cache.unpacked(session, [info]).get(info.id)
        if batch is None:
            raise NotAFile(f"chunk {info.id} is not there any more")
        self._need_room()
        delays = kind in {Kind.CONVERSIONS, Kind.POSTBACKS}
        batch = slim(batch, (*ALWAYS_KEPT, *DECLARABLE), delays=delays)
        segment = Segment.of(Subjects(), [batch])
        for source in _of(kind):
            own = by_click(segment.subjects, segment) if source == BY_CLICK else segment
            segment_file.write(self._path(kind, info, source), own.batch, info.mark)
        return {source: segment_file.read_index(self._path(kind, info, source), info.mark) for source in _of(kind)}

    def _need_room(self) -> None:
        """Raise OSError if the disk is almost full."""
        if shutil.disk_usage(self._root).free < free_space.LITTLE:
            raise OSError(f"less than {free_space.LITTLE // 1_000_000} MB are free")

    def _repair(self, session: Session, kind: Kind, info: ChunkInfo, source: Source) -> Repair:
        bind = session.get_bind()

        def again() -> Index:
            log.warning("a file of observations is written again", kind=str(kind), chunk=info.id)
            self._path(kind, info, source).unlink(missing_ok=True)
            with Session(bind, info=dict(session.info)) as own, self._alone(kind):
                return self._make(own, kind, info)[source]

        return again

    @contextmanager
    def _alone(self, kind: Kind) -> Iterator[None]:
        """Let one process at a time make files of a kind."""
        directory = self._root / str(kind)
        for each in (*reversed(directory.parents[:3]), directory):  # `observations` and what is below
            private_directory(each)
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _of(kind: Kind) -> tuple[Source, ...]:
    return (kind, BY_CLICK) if kind is Kind.CONVERSIONS else (kind,)


def prepare(session: Session, observations_directory: Path, since: datetime) -> int:
    """Create the missing files of all feeds, as far back as they are used; returns how many."""
    made = 0
    for feed in feeds.everything(session):
        own = SegmentDirectory(observations_directory, feed.account, feed.integration)
        here = [info for info in observations.overlapping(session, [feed.id], since) if info.batch is None]
        made += own.prepare(session, Kind(feed.kind), here)
    return made


def sweep(observations_directory: Path, chunks: set[int], now: float) -> int:
    """Remove the files of deleted chunks, and unfinished files; returns how many bytes were freed."""
    freed = 0
    for path in (*observations_directory.glob("*/*/*.part"), *observations_directory.glob("*/*/*/*")):
        name, _, suffix = path.name.partition(".")
        try:
            status = path.stat()
            unfinished = suffix.endswith(".part") and status.st_mtime < now - LEFT_OVER
            if unfinished or (suffix in SUFFIXES.values() and int(name) not in chunks):
                path.unlink()
                freed += status.st_size
        except (FileNotFoundError, ValueError):  # another process was here, or it is not a file of ours
            continue
    return freed
