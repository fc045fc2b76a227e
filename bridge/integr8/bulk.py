"""Change many objects at once: many per call, or one by one where Integr8 has no bulk route. Performs no I/O.

A bulk call that Integr8 refuses is divided until the targets that it refuses are known: they alone fail.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from bridge.integr8.call import Flow
from bridge.integr8.catalogue import OPERATIONS
from bridge.integr8.core import Row
from bridge.integr8.errors import (
    ApiError,
    BadRequest,
    BudgetError,
    InvalidCall,
    NotFound,
    NotTried,
    PartlyDone,
    Refused,
    RequestFailed,
)
from bridge.integr8.flows import AccountContext, CollectionPath, carried_over, delete, missing_fields
from bridge.integr8.rate_limiter import Priority

Single: TypeAlias = Callable[[str], Flow[None]]
# Errors that belong to the targets of one call. Any other would meet the next call too, so that is not made.
OF_THE_TARGET = (BadRequest, RequestFailed, NotFound, Refused, InvalidCall)
SPLIT_FOR = 20.0  # s; dividing a refused call ends then, well within the lease of the effects that it carries
SAME_FOR_ALL = 5  # targets refused with 402 and none accepted: then it is the account, not the target


def set_status(
    context: AccountContext,
    collection: CollectionPath,
    ids: Iterable[str | int],
    *,
    active: bool,
    priority: Priority | None,
) -> Flow[tuple[str, ...]]:
    """Switch many objects on or off, a hundred per call. Returns the ids, each once.

    If the bulk route does not exist (404, 405), each object is read and patched if necessary. The answer to a bulk call
    says nothing per id: read back what matters. Raises PartlyDone if some failed.
    """

    def one(id_: str) -> Flow[None]:
        row: Row = yield from context.call(f"{collection.resource}.get", path=collection.item(id_), priority=priority)
        if row.get("active") is active:
            return
        name = f"{collection.resource}.update"
        body = carried_over(name, row, missing_fields(collection, {})) | {"active": active}
        yield from context.call(name, path=collection.item(id_), body=body, priority=priority)

    return (yield from _bulk(_Work(context, collection, "set_status", {"active": active}, one, priority), ids))


def bulk_delete(
    context: AccountContext, collection: CollectionPath, ids: Iterable[str | int], priority: Priority | None
) -> Flow[tuple[str, ...]]:
    """Delete many objects, a hundred per call; one by one if the bulk route does not exist."""

    def one(id_: str) -> Flow[None]:
        return delete(context, collection, id_, priority)

    return (yield from _bulk(_Work(context, collection, "bulk_delete", {}, one, priority), ids))


@dataclass(slots=True)
class _Work:
    """The progress of one bulk call."""

    context: AccountContext
    collection: CollectionPath
    action: str
    body: Mapping[str, Any]
    one: Single
    priority: Priority | None
    done: list[str] = field(default_factory=list)
    failed: dict[str, ApiError] = field(default_factory=dict)
    until: float = 0.0
    route_is_there: bool = False

    @property
    def name(self) -> str:
        return f"{self.collection.resource}.{self.action}"

    @property
    def has_route(self) -> bool:
        """True if the reference has a bulk operation, and this account is not known to lack it."""
        return self.name in OPERATIONS and self.name not in self.context.without_bulk

    def check(self, ids: tuple[str, ...]) -> None:
        """Check the whole call before any request is sent."""
        if self.name not in OPERATIONS:
            return
        self.context.request(self.name, path=self.collection.above, body={**self.body, "data": list(ids)})

    def part(self, ids: tuple[str, ...]) -> Flow[None]:
        """Process at most one chunk: by a bulk call, or singly.

        Refused chunks are halved until only refused targets are left.
        """
        waiting = [ids]
        while waiting:
            some = waiting.pop()
            if not self.has_route:
                yield from self.singly(some)
                continue
            try:
                yield from self.send(some)
            except (NotFound, Refused) as error:
                if (error.status or 0) < 400:
                    raise
                if error.status not in {404, 405}:
                    waiting += self.halves(some, error)
                    continue
                waiting += yield from self.look_for_the_route(some, error)
            except (BadRequest, RequestFailed) as error:
                waiting += self.halves(some, error)

    def send(self, ids: tuple[str, ...]) -> Flow[None]:
        body = {**self.body, "data": list(ids)}
        yield from self.context.call(self.name, path=self.collection.above, body=body, priority=self.priority)
        self.route_is_there = True
        self.done += ids

    def look_for_the_route(self, ids: tuple[str, ...], error: ApiError) -> Flow[list[tuple[str, ...]]]:
        """Find out whether a 404 means the route or an object: send one object alone.

        If the object exists, the route is missing.

        Otherwise one missing object would disable the route, and cost two calls for each other object until the process
        ends.
        """
        if error.status == 405:
            self.context.without_bulk.add(self.name)
            return [ids]
        if self.route_is_there:
            return self.halves(ids, error)
        if len(ids) > 1:
            return [ids[1:], ids[:1]]
        before = len(self.done)
        yield from self.singly(ids)
        if len(self.done) > before:
            self.context.without_bulk.add(self.name)
        return []

    def halves(self, ids: tuple[str, ...], error: ApiError) -> list[tuple[str, ...]]:
        """Return the unsent part of a refused call, the first half on top. A single target has failed."""
        if len(ids) == 1:
            self.failed[ids[0]] = error
            return []
        if isinstance(error, RequestFailed) and not self.done and len(self.failed) >= SAME_FOR_ALL:
            self.failed |= dict.fromkeys(ids, error)
            return []
        if self.context.call_options.clock() > self.until:
            self.failed |= dict.fromkeys(ids, NotTried(self.name, words=f"{len(ids)} others; {error}"))
            return []
        middle = len(ids) // 2
        return [ids[middle:], ids[:middle]]

    def singly(self, ids: tuple[str, ...]) -> Flow[None]:
        for id_ in ids:
            try:
                yield from self.one(id_)
            except OF_THE_TARGET as error:
                self.failed[id_] = error
            else:
                self.done.append(id_)

    def settled(self) -> tuple[str, ...]:
        reasons = {(type(error), error.status, error.words) for error in self.failed.values()}
        if self.failed and (self.done or len(reasons) > 1):
            raise PartlyDone(self.name, done=tuple(self.done), failed=self.failed)
        if self.failed:
            raise next(iter(self.failed.values()))
        return tuple(self.done)


def _bulk(work: _Work, ids: Iterable[str | int]) -> Flow[tuple[str, ...]]:
    wanted = tuple(dict.fromkeys(str(id_) for id_ in ids))
    if not wanted:
        return ()
    work.check(wanted)
    work.until = work.context.call_options.clock() + SPLIT_FOR
    chunk = work.context.chunk
    for part in (wanted[start : start + chunk] for start in range(0, len(wanted), chunk)):
        try:
            yield from work.part(part)
        except ApiError as error:
            touched = {*work.done, *work.failed}
            same = part if isinstance(error, OF_THE_TARGET) else wanted
            work.failed |= {id_: error for id_ in same if id_ not in touched}
            if not isinstance(error, OF_THE_TARGET):
                break
        except BudgetError as error:
            left = [id_ for id_ in wanted if id_ not in {*work.done, *work.failed}]
            if not work.done and not work.failed:
                raise
            work.failed |= dict.fromkeys(left, NotTried(work.name, words=str(error)))
            break
    return work.settled()
