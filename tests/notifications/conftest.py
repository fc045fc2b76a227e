"""The receiver of tests/receiver.py, for channels that lead to it."""

from tests.receiver import receiver

__all__ = ["receiver"]
