"""Celery's Redis transport, except that an invalid message does not end the worker.

kombu lets what it cannot decode escape from the worker's loop: one stray line in a queue and the process exits, and
exits again for the next one. Whatever it was, it asked for nothing we know, and the sweep finds all real work.
"""

from queue import Empty
from typing import Any

import structlog
from kombu.transport import redis

log = structlog.get_logger()


class _DropsPoison:
    """A channel that drops invalid messages."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # Already taken off its queue. Its content stays out of the log: nobody knows who wrote it.
            log.warning("poison message dropped", error=type(error).__name__)
            raise Empty from None


class Channel(_DropsPoison, redis.Channel):
    """A channel to one server."""


class SentinelChannel(_DropsPoison, redis.SentinelChannel):
    """A channel to the current master."""


class Transport(redis.Transport):
    """A transport for `broker_transport`; the address stays redis:// or rediss://."""

    Channel = Channel


class SentinelTransport(redis.SentinelTransport):
    """A transport for `broker_transport` if the address names Sentinels."""

    Channel = SentinelChannel
