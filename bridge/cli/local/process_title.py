"""Name a forked process for `ps` and `top`: it has no command line of its own."""

import ctypes
import sys
from pathlib import Path

PR_SET_NAME = 15  # in linux/prctl.h
NAME = 15  # bytes that `top` shows, without the zero at the end
ARGUMENTS = slice(47, 49)  # arg_start and arg_end of /proc/PID/stat, see proc(5)


def set_title(title: str) -> None:
    """Show this title in place of the inherited command line, cut to its length. Only on Linux."""
    if sys.platform != "linux":
        return
    words = title.encode()
    ctypes.CDLL(None).prctl(PR_SET_NAME, words.rpartition(b": ")[2][:NAME])
    stat = Path("/proc/self/stat").read_text()
    fields = ["pid", "name", *stat[stat.rindex(")") + 2 :].split()]
    start, end = (int(one) for one in fields[ARGUMENTS])
    room = end - start
    if start and room > 1:  # zero where the system does not tell
        ctypes.memmove(start, words[: room - 1].ljust(room, b"\0"), room)
