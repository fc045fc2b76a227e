"""Ids sort by the time at which they were made, and no two processes make the same."""

import subprocess
import sys

from bridge.store import ids

FORKED = r"""
import os
from bridge.store import ids
ids.new()  # random bytes for the next ones are there by now
child = os.fork()
os.write(1, ids.new(10**13).encode() + b"\n")
if child:
    os.waitpid(child, 0)
"""


def test_each_id_is_greater_than_the_one_before():
    made = [ids.new(10**13) for _ in range(1_000)]
    assert made == sorted(set(made))


def test_a_forked_process_makes_ids_of_its_own():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True)
    parent, child = done.stdout.split()
    assert parent != child
