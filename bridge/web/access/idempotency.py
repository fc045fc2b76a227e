"""Idempotency-Key: a repeated write is executed once, and each repetition gets the same answer.

The key belongs to the token that sent it and to one request: the same key with another body is refused.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from flask import Response, g, make_response, request

from bridge.store import tokens
from bridge.store.engine import Store
from bridge.store.tokens import Answer
from bridge.web.problems import problem

KEEP = timedelta(hours=24)
MAX_KEY_CHARS = 200  # characters of a key
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FAULT = 500  # a fault of ours is not remembered: the sender should try again


def once(store: Store, do: Callable[[], Any], now: datetime) -> Any:
    """Run the operation, unless this request repeats an earlier one; then return the earlier answer."""
    given = request.headers.get("Idempotency-Key")
    if given is None or request.method in SAFE:
        return do()
    if not 0 < len(given) <= MAX_KEY_CHARS:
        return problem(400, "Bad key", f"Idempotency-Key: {len(given)} characters; send 1 to {MAX_KEY_CHARS}")
    key = _digest(str(g.token_id), given)
    asked = _digest(request.method, request.full_path, request.get_data(as_text=True))
    with store.write() as session:
        known = tokens.claim_answer(session, key=key, request=asked, now=now, keep=KEEP)
        before = None if known is None else _again(known, asked)
    return before if before is not None else _first(store, key, do)


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()


def _again(known: Answer, asked: str) -> Response:
    if known.request != asked:
        return problem(422, "Key used before", "Idempotency-Key: it came with another request; make a new one")
    if known.status is None:
        return problem(409, "Not finished", "Idempotency-Key: the first request is still being done", retry_after=1)
    answer = Response(known.body, status=known.status, content_type=known.content_type)
    answer.headers["Idempotency-Replayed"] = "true"
    return answer


def _first(store: Store, key: str, do: Callable[[], Any]) -> Response:
    """Run the operation and store the answer. After a failure the key is free again."""
    answer = None
    try:
        answer = make_response(do())
    finally:
        with store.write() as session:
            row = session.get_one(Answer, key)
            if answer is None or answer.status_code >= FAULT:
                session.delete(row)
            else:
                row.status, row.body, row.content_type = answer.status_code, answer.get_data(), answer.content_type
    return answer
