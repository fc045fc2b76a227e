"""Resolve a host name within a deadline.

The system's resolver cannot be cancelled: a name server that does not answer holds whoever asks for half a minute
or more. So a thread asks, and the request goes on without it when its time is up. How many may hang is bounded.
"""

import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeAlias

from bridge.outbound.address_policy import as_address
from bridge.outbound.errors import NotSent

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]  # host, port → addresses

MAX_LOOKUPS_WAITING = 32  # look-ups of one process that may be under way


def system_resolver(host: str, port: int) -> list[str]:
    """Return the machine's own resolver. It raises NotSent for an unknown name."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotSent(f"{host} cannot be resolved: {error}") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Lookup:
    """A resolver with a deadline. Threads may share it."""

    def __init__(self, resolve: Resolve, most: int = MAX_LOOKUPS_WAITING) -> None:
        self._resolve = resolve
        self._free = threading.BoundedSemaphore(most)

    def addresses(self, host: str, port: int, seconds: float) -> Sequence[str]:
        """Return the addresses.

        Raises NotSent if the name is unknown, or not resolved within this number of seconds.
        """
        if as_address(host) is not None:
            return self._resolve(host, port)  # a number: nobody is asked
        if not self._free.acquire(timeout=seconds):
            raise NotSent(f"{host} cannot be resolved: too many look-ups are waiting for an answer")
        answer: Future[Sequence[str]] = Future()
        threading.Thread(target=self._ask, args=(host, port, answer), name=f"lookup {host}", daemon=True).start()
        try:
            return answer.result(seconds)
        except TimeoutError:
            raise NotSent(f"{host} cannot be resolved within {seconds:.1f} s") from None

    def _ask(self, host: str, port: int, answer: Future[Sequence[str]]) -> None:
        try:
            answer.set_result(self._resolve(host, port))
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits must hear of it
            answer.set_exception(error)
        finally:
            self._free.release()
