"""Keep a process small, and let those that are forked from it share as much as they can."""

import ctypes
import gc
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # in malloc.h of glibc
MADV_DONTNEED = 4  # in linux/mman.h
MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+ +(/.*)")  # in /proc/PID/smaps, of a file
BY_DEFAULT = 128 * 1024  # bytes; of both thresholds
REUSED_UP_TO, KEPT_FREE = 8 * 1_048_576, 64 * 1_048_576  # bytes of one array, and of what is free between two
ARENAS = 2  # by default eight for each core; a process of ours has few threads that allocate at the same moment
BYTES_HEAD = 33  # of a bytes object
POOL, POOL_HEAD = 16_384, 48  # of Python's allocator for objects of up to 512 bytes; one pool holds one size
LARGEST_SMALL, STEP = 512, 16
SIZES = (65_536, 16_384, 8_192, 4_096, 2_048, 1_536, 1_024, 768, 640, 528, 256, 128, 64, 32)
MAX_OBJECTS_OF_A_SIZE = 200_000  # objects of one size; far more than there are gaps


class _MallInfo(ctypes.Structure):
    """The result of mallinfo2 of glibc; `arena` is the size of the heap, `fordblks` its free part."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "k")
    ]


_filling: list[bytes] = []


def be_small() -> None:
    """Limit threads before numpy is imported.

    OpenBLAS starts a thread with its own buffers for each core, and this program multiplies no matrices.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    mallopt = _glibc("mallopt")
    if mallopt is not None and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt(M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Return freed memory to the system: imports leave a tenth of a process behind as free memory."""
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


@contextmanager
def arrays_reused() -> Iterator[None]:
    """Keep memory that is freed within the block for the next array; `give_back` afterwards returns it to the system.

    By default glibc returns each array of more than 128 kB at once and requests the next: the system then clears every
    page of it again, which took two thirds of an evaluation's processor time.
    """
    mallopt = _glibc("mallopt")
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, REUSED_UP_TO)
        mallopt(M_TRIM_THRESHOLD, KEPT_FREE)
    try:
        yield
    finally:
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, BY_DEFAULT)
            mallopt(M_TRIM_THRESHOLD, BY_DEFAULT)


def before_fork() -> None:
    """Prepare memory before a fork, in a process that has loaded what its children need.

    Children share a page until one of them writes into it. Their new objects go into the gaps between the parent's
    objects, a few into each of thousands of pages, unless the gaps are filled: two megabytes here save a dozen in each
    child. And a garbage collection writes into every object that it examines.
    """
    if _filling:  # a child of a process that has done it has few objects and few gaps of its own
        gc.collect()
    else:  # what loading leaves behind is a megabyte; to look for it takes a fifth of a second, and everybody waits
        give_back()
        _fill_pools()
        _fill_heap()
        _unmap_code()
    gc.freeze()


def _fill_pools() -> None:
    """For each size of small objects create some until one pool is filled completely, so that no other has room."""
    for size in range(BYTES_HEAD + STEP - BYTES_HEAD % STEP, LARGEST_SMALL + 1, STEP):
        in_a_row = 0
        for made in _objects(size):
            in_a_row = in_a_row + 1 if _filling and id(made) == id(_filling[-1]) + size else 0
            _filling.append(made)
            if in_a_row >= (POOL - POOL_HEAD) // size - 1:
                break


def _objects(size: int) -> Iterator[bytes]:
    for _ in range(MAX_OBJECTS_OF_A_SIZE):
        yield bytes(size - BYTES_HEAD)


def _fill_heap() -> None:
    """For each size take memory until the heap has to grow for it."""
    mallinfo, malloc = _glibc("mallinfo2"), _glibc("malloc")
    if mallinfo is None or malloc is None:
        return
    mallinfo.restype, malloc.restype, malloc.argtypes = _MallInfo, ctypes.c_void_p, [ctypes.c_size_t]
    for size in SIZES:
        for _ in range(MAX_OBJECTS_OF_A_SIZE // 64):
            before = mallinfo()
            for _ in range(64 if size < 4_096 else 4):
                malloc(size)  # and never freed
            if mallinfo().arena > before.arena or before.fordblks < size:
                break


def _unmap_code() -> None:
    """Take the pages of libraries out of this process. One that is needed again is found in the system's cache.

    Loading has read most of each library, and its users run little of it. Pages that were written to stay.
    """
    advise = _glibc("madvise")
    if advise is None:
        return
    advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for start, end in _unwritten():
        advise(start, end - start, MADV_DONTNEED)


def _unwritten() -> Iterator[tuple[int, int]]:
    """Yield start and end of each part of a file that is mapped and was never written to."""
    part: tuple[int, int] | None = None
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if line[0] in "0123456789abcdef":
            found = MAPPING.fullmatch(line)
            part = None if found is None or "w" in found[3] else (int(found[1], 16), int(found[2], 16))
        elif part is not None and line.startswith("Anonymous:") and int(line.split()[1]) == 0:
            yield part


def _glibc(name: str) -> Any:
    """Return a function of the C library; None if there is none of this name."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
