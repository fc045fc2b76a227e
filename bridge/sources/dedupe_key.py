"""Compute the deduplication key of an event: two deliveries with the same key from one source are duplicates.

The key is the sender's own id where there is one, else a hash of the request. Conversions of postbacks have a key of
their own fields (`postback.dedupe_key`). `bridge.store.duplicate_events` finds the duplicates.
"""

import hashlib
import re

from bridge.sources.request import Incoming

MAX_ID_CHARS = 200
PRINTABLE = re.compile(r"[\x20-\x7e]+")


def of_id(delivery: str) -> str:
    """Return the key for the sender's own id: the id itself, or its SHA-256 if it is long or not plain text."""
    if len(delivery) < MAX_ID_CHARS and PRINTABLE.fullmatch(delivery):
        return f"id:{delivery}"
    return f"id-sha256:{hashlib.sha256(delivery.encode('utf-8', 'surrogatepass')).hexdigest()}"


def of_content(request: Incoming) -> str:
    """Return the key of a request without a sender's id: SHA-256 over the raw query and the raw body."""
    hashed = hashlib.sha256()
    for name, value in request.query:
        hashed.update(f"{len(name)}:{name}={len(value)}:{value}&".encode("utf-8", "surrogatepass"))
    hashed.update(b"\n")
    hashed.update(request.body)
    return f"sha256:{hashed.hexdigest()}"
