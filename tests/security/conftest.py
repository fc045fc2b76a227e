"""A real server on loopback that answers what a test tells it to, and remembers what it was asked."""

from tests.receiver import receiver

__all__ = ["receiver"]
