"""Freeze long-lived objects so that the garbage collector skips them.

A process of ours holds half a million objects once it is loaded: modules, mappings, compiled statements. Python looks
through all of them whenever enough new ones have come, which took a seventh of a worker's time.
"""

import gc

from bridge.services import memory

NEW_ONES = 50_000  # new objects between two collections; a batch of events makes about as many


def rest() -> None:
    """Freeze the present objects for the garbage collector.

    Call it once in each process, after loading and before work.
    """
    gc.collect()
    memory.give_back()
    gc.freeze()
    gc.set_threshold(NEW_ONES, 20, 100)
