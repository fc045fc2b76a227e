"""Waiting for what processes do: as soon as it is so, and for long enough on a busy machine."""

import time


def wait_for(look, seconds=240):
    """What `look` finds, as soon as that is something; fails when it is nothing for so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")
