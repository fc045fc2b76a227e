"""The collections of the client: `client.offers`, `client.publishers` and so on. Every method is one flow.

`priority` says how urgent a call is (None: the client's own). All methods raise ApiError, BudgetExhausted
and BudgetUnavailable; those that write may raise OutcomeUnknown. Ids are opaque texts.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, Unpack

from bridge.integr8 import bulk, flows
from bridge.integr8.body_types import (
    AdvertiserFields,
    LandingPageFields,
    OfferEventFields,
    OfferFields,
    PublisherFields,
    UserChanges,
    UserFields,
)
from bridge.integr8.call import Flow
from bridge.integr8.core import Row
from bridge.integr8.filters import Filter, filter_query, sort_query
from bridge.integr8.flows import AccountContext, CollectionPath
from bridge.integr8.page_iterator import Listing
from bridge.integr8.pagination import Numbered, Paging
from bridge.integr8.query_schemas import PAGE_SIZE_MAX
from bridge.integr8.rate_limiter import Priority

T = TypeVar("T")


class Runner(Protocol):
    """Runs flows; the Client is one."""

    @property
    def context(self) -> AccountContext:
        """The context of the account."""

    def run(self, flow: Flow[T]) -> T:
        """Run the flow and return its result."""


class Resource:
    """The base of every resource; it holds the runner of flows."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def _listing(
        self,
        name: str,
        paging: Paging,
        path: Mapping[str, str | int],
        query: Mapping[str, Any],
        priority: Priority | None,
    ) -> Listing:
        context, run = self._runner.context, self._runner.run
        context.request(name, path=path, query=dict(query) | (paging.query or {}))  # refuse now, not at the first row

        def fetch(page: dict[str, Any]) -> Any:
            return run(context.call(name, path=path, query=dict(query) | page, priority=priority))

        return Listing(fetch, paging)


class Collection(Resource):
    """List, get and delete, which are the same for all six collections."""

    resource: str

    def _collection(self, **above: str | int) -> CollectionPath:
        return CollectionPath(self.resource, above)

    def _list(
        self,
        collection: CollectionPath,
        query: dict[str, Any],
        size: int,
        start: str | int | None,
        priority: Priority | None,
    ) -> Listing:
        name = f"{collection.resource}.list"
        return self._listing(name, Numbered(name, size=size, start=start), collection.above, query, priority)


class Plain(Collection):
    """A collection that does not belong to an offer."""

    def list(
        self,
        filter: Filter | None = None,  # noqa: A002
        sort: str | Sequence[str] | None = None,
        *,
        size: int = PAGE_SIZE_MAX,
        start: str | int | None = None,
        priority: Priority | None = None,
    ) -> Listing:
        """Return every object, lazily, `size` per request, from page `start` on.

        `filter={"active": True}`, `filter={"a.b": {"gte": 3}}`; `sort="-name"` sorts downwards.
        """
        return self._list(self._collection(), filter_query(filter) | sort_query(sort), size, start, priority)

    def get(self, id: str | int, *, priority: Priority | None = None) -> Row:  # noqa: A002
        """Return one object. Raises NotFound."""
        collection = self._collection()
        return self._runner.run(
            self._runner.context.call(f"{self.resource}.get", path=collection.item(id), priority=priority)
        )

    def delete(self, id: str | int, *, priority: Priority | None = None) -> None:  # noqa: A002
        """Delete one object; Integr8 archives it. Raises NotFound."""
        self._runner.run(flows.delete(self._runner.context, self._collection(), id, priority))

    def find(self, key: str, value: Any, *, priority: Priority | None = None) -> Row | None:
        """Return the one object whose field `key` equals `value`, ignoring letter case.

        Raises Ambiguous and Incomplete.
        """
        return self._runner.run(flows.find(self._runner.context, self._collection(), {key: value}, priority))


class Switchable(Plain):
    """A collection whose objects can be switched and deleted many at a time."""

    def set_status(
        self, ids: Iterable[str | int], *, active: bool, priority: Priority | None = None
    ) -> tuple[str, ...]:
        """Switch many objects on or off, a hundred per call. Returns the ids, each once.

        If this account has no bulk route (404, 405), each object is read and patched if necessary. The answer says
        nothing per id: read back what matters. Raises PartlyDone if some were not changed.
        """
        flow = bulk.set_status(self._runner.context, self._collection(), ids, active=active, priority=priority)
        return self._runner.run(flow)

    def bulk_delete(self, ids: Iterable[str | int], *, priority: Priority | None = None) -> tuple[str, ...]:
        """Delete many objects, a hundred per call; one by one if there is no bulk route."""
        return self._runner.run(bulk.bulk_delete(self._runner.context, self._collection(), ids, priority))


class Users(Plain):
    """The people of the organisation."""

    resource = "users"

    def create(self, *, priority: Priority | None = None, **fields: Unpack[UserFields]) -> Row:
        """Create a user (`email`, `password`, `role` are required) and read it. Never repeated blindly."""
        return self._runner.run(flows.create(self._runner.context, self._collection(), fields, priority))

    def update(self, id: str | int, *, priority: Priority | None = None, **fields: Unpack[UserChanges]) -> None:  # noqa: A002
        """Change the given fields."""
        self._runner.run(flows.update(self._runner.context, self._collection(), id, fields, priority))

    def ensure(
        self, *, key: str = "email", priority: Priority | None = None, **fields: Unpack[UserFields]
    ) -> tuple[Row, bool]:
        """Find by `key`, or create. Returns the user and whether it was created now."""
        return self._runner.run(flows.ensure(self._runner.context, self._collection(), key, fields, priority))


class Offers(Switchable):
    """The offers of one integration."""

    resource = "offers"

    def create(self, *, priority: Priority | None = None, **fields: Unpack[OfferFields]) -> Row:
        """Create an offer (`name` and `advertiser_id` are required) and read it. Never repeated blindly."""
        return self._runner.run(flows.create(self._runner.context, self._collection(), fields, priority))

    def update(self, id: str | int, *, priority: Priority | None = None, **fields: Unpack[OfferFields]) -> None:  # noqa: A002
        """Change the given fields.

        Integr8 requires `name` and `advertiser_id` with every change: if one is not given, the offer is read first and
        its present value is sent.
        """
        self._runner.run(flows.update(self._runner.context, self._collection(), id, fields, priority))

    def ensure(
        self, *, key: str = "name", priority: Priority | None = None, **fields: Unpack[OfferFields]
    ) -> tuple[Row, bool]:
        """Find by `key`, or create. Returns the offer and whether it was created now."""
        return self._runner.run(flows.ensure(self._runner.context, self._collection(), key, fields, priority))


class Publishers(Switchable):
    """The publishers of the organisation."""

    resource = "publishers"

    def create(self, *, priority: Priority | None = None, **fields: Unpack[PublisherFields]) -> Row:
        """Create a publisher (`name` is required) and read it. Never repeated blindly."""
        return self._runner.run(flows.create(self._runner.context, self._collection(), fields, priority))

    def update(  # Integr8 wants the name with every change
        self,
        id: str | int,  # noqa: A002
        *,
        priority: Priority | None = None,
        **fields: Unpack[PublisherFields],
    ) -> None:
        """Change the given fields; without `name` the publisher is read first and its name sent along."""
        self._runner.run(flows.update(self._runner.context, self._collection(), id, fields, priority))

    def ensure(
        self, *, key: str = "email", priority: Priority | None = None, **fields: Unpack[PublisherFields]
    ) -> tuple[Row, bool]:
        """Find by `key`, or create. Returns the publisher and whether it was created now."""
        return self._runner.run(flows.ensure(self._runner.context, self._collection(), key, fields, priority))


class Advertisers(Switchable):
    """The advertisers of the organisation."""

    resource = "advertisers"

    def create(self, *, priority: Priority | None = None, **fields: Unpack[AdvertiserFields]) -> Row:
        """Create an advertiser (`name` is required) and read it. Never repeated blindly."""
        return self._runner.run(flows.create(self._runner.context, self._collection(), fields, priority))

    def update(
        self,
        id: str | int,  # noqa: A002
        *,
        priority: Priority | None = None,
        **fields: Unpack[AdvertiserFields],
    ) -> None:
        """Change the given fields; without `name` the advertiser is read first and its name sent along."""
        self._runner.run(flows.update(self._runner.context, self._collection(), id, fields, priority))

    def ensure(
        self, *, key: str = "email", priority: Priority | None = None, **fields: Unpack[AdvertiserFields]
    ) -> tuple[Row, bool]:
        """Find by `key`, or create. Returns the advertiser and whether it was created now."""
        return self._runner.run(flows.ensure(self._runner.context, self._collection(), key, fields, priority))


class BelowOffer(Collection):
    """A collection of one offer: every method takes the offer's id first."""

    def list(
        self,
        offer_id: str | int,
        filter: Filter | None = None,  # noqa: A002
        sort: str | Sequence[str] | None = None,
        *,
        size: int = PAGE_SIZE_MAX,
        start: str | int | None = None,
        priority: Priority | None = None,
    ) -> Listing:
        """Return every object of the offer, lazily."""
        collection, query = self._collection(offerID=offer_id), filter_query(filter) | sort_query(sort)
        return self._list(collection, query, size, start, priority)

    def get(self, offer_id: str | int, id: str | int, *, priority: Priority | None = None) -> Row:  # noqa: A002
        """Return one object. Raises NotFound."""
        path = self._collection(offerID=offer_id).item(id)
        return self._runner.run(self._runner.context.call(f"{self.resource}.get", path=path, priority=priority))

    def set_status(
        self, offer_id: str | int, ids: Iterable[str | int], *, active: bool, priority: Priority | None = None
    ) -> tuple[str, ...]:
        """Switch objects of the offer on or off, one by one: they have no bulk route. Returns the ids, each once.

        Each is read and patched if necessary. Raises PartlyDone if some were not changed.
        """
        collection = self._collection(offerID=offer_id)
        flow = bulk.set_status(self._runner.context, collection, ids, active=active, priority=priority)
        return self._runner.run(flow)

    def delete(self, offer_id: str | int, id: str | int, *, priority: Priority | None = None) -> None:  # noqa: A002
        """Delete one object. Raises NotFound."""
        self._runner.run(flows.delete(self._runner.context, self._collection(offerID=offer_id), id, priority))


class OfferEvents(BelowOffer):
    """The events (conversion goals) of an offer."""

    resource = "offer_events"

    def create(
        self, offer_id: str | int, *, priority: Priority | None = None, **fields: Unpack[OfferEventFields]
    ) -> Row:
        """Create an event (`name` is required) and read it. Never repeated blindly."""
        return self._runner.run(
            flows.create(self._runner.context, self._collection(offerID=offer_id), fields, priority)
        )

    def update(
        self,
        offer_id: str | int,
        id: str | int,  # noqa: A002
        *,
        priority: Priority | None = None,
        **fields: Unpack[OfferEventFields],
    ) -> None:
        """Change the given fields; without `name` the event is read first and its name sent along."""
        self._runner.run(flows.update(self._runner.context, self._collection(offerID=offer_id), id, fields, priority))


class LandingPages(BelowOffer):
    """The landing pages of an offer."""

    resource = "landing_pages"

    def create(
        self, offer_id: str | int, *, priority: Priority | None = None, **fields: Unpack[LandingPageFields]
    ) -> Row:
        """Create a landing page (`name` and `redirect_url` are required) and read it. Never repeated blindly."""
        return self._runner.run(
            flows.create(self._runner.context, self._collection(offerID=offer_id), fields, priority)
        )

    def update(
        self,
        offer_id: str | int,
        id: str | int,  # noqa: A002
        *,
        priority: Priority | None = None,
        **fields: Unpack[LandingPageFields],
    ) -> None:
        """Change the given fields; `name` and `redirect_url` are read and sent along where not given."""
        self._runner.run(flows.update(self._runner.context, self._collection(offerID=offer_id), id, fields, priority))
