"""The client for asyncio: the same conversations as `Client`, over httpx's async half.

async with AsyncClient(url, key, integration="dhkwd4izck", budget=budget) as client:
async for row in client.reports.conversions(start, end):
...
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from bridge.integr8 import async_reporting, async_resources, httpx_adapter, rejection
from bridge.integr8.call import Exchange, Flow, Manner, Pause, Step
from bridge.integr8.catalogue import Route, places
from bridge.integr8.core import Reply
from bridge.integr8.errors import ApiError, BudgetError, BudgetExhausted
from bridge.integr8.flows import CHUNK, Caller
from bridge.integr8.rate_budget import Budget, new_token, with_jitter
from bridge.integr8.rate_limiter import Lane, Outcome

T = TypeVar("T")


class AsyncClient:
    """All of Integr8's API for one account, for asyncio. The arguments are those of Client.

    A budget may block for the length of a Redis round trip, so it is asked in a thread.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        integration: str,
        budget: Budget,
        routes: Mapping[str, Route | str] | None = None,
        rejection_url: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: float = 30.0,
        deadline: float = 120.0,
        lane: Lane = Lane.NORMAL,
        chunk: int = CHUNK,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        manner: Manner | None = None,
    ) -> None:
        self._base_url = httpx_adapter.base(base_url)
        self._key = httpx_adapter.key(api_key)
        self._rejection_url = rejection_url
        self.budget = budget
        self._sleep = sleep
        self.caller = Caller(
            integration,
            places(routes or {}),
            manner or Manner(lane=lane, deadline=deadline),
            secrets=(api_key,),
            chunk=chunk,
        )
        self._timeout = timeout
        self._http = httpx.AsyncClient(transport=transport, timeout=timeout, headers=httpx_adapter.agent())
        self.users = async_resources.Users(self)
        self.offers = async_resources.Offers(self)
        self.publishers = async_resources.Publishers(self)
        self.advertisers = async_resources.Advertisers(self)
        self.offer_events = async_resources.OfferEvents(self)
        self.landing_pages = async_resources.LandingPages(self)
        self.reports = async_reporting.Reports(self)
        self.downloads = async_reporting.Downloads(self)
        self.exports = async_reporting.Exports(self)

    async def call(
        self,
        name: str,
        *,
        path: Mapping[str, str | int] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        lane: Lane | None = None,
        deadline: float | None = None,
    ) -> Any:
        """Any operation of the catalogue by its name; see Client.call."""
        flow = self.caller.call(name, path=path, query=query, body=body, lane=lane, deadline=deadline)
        return await self.run(flow)

    async def reject_conversion(self, transaction_id: str, reason: str) -> None:
        """Reject a conversion through the tracker's `rejection_url`; there is no way back.

        Raises InvalidCall when the account names no such address. An unknown id does nothing.
        """
        await self.run(rejection.reject(self.caller, self._rejection_url, transaction_id, reason))

    async def run(self, flow: Flow[T]) -> T:
        """Carry a flow out: send its exchanges, wait out its pauses, return what it returns."""
        resume: Callable[[], Step] = partial(next, flow)
        while True:
            try:
                step = resume()
            except StopIteration as end:
                result: T = end.value
                return result
            resume = await self._perform(flow, step)

    async def _perform(self, flow: Flow[T], step: Step) -> Callable[[], Step]:
        """Do what the step says; what is returned tells the flow."""
        if isinstance(step, Pause):
            await self._sleep(step.seconds)
            return partial(flow.send, None)
        try:
            return partial(flow.send, await self._exchange(step))
        except (ApiError, BudgetError) as error:
            return partial(flow.throw, error)

    async def _acquire(self, lane: Lane, deadline: float | None) -> str:
        token, clock = new_token(), self.caller.manner.clock
        until = None if deadline is None else clock() + deadline
        while wait := await asyncio.to_thread(self.budget.ask, lane, token):
            if until is not None and clock() + wait > until:
                raise BudgetExhausted(wait)
            await self._sleep(with_jitter(wait))
        return token

    async def _exchange(self, step: Exchange) -> Reply:
        began = self.caller.manner.clock()
        token = await self._acquire(step.lane, step.left)
        left = step.left - (self.caller.manner.clock() - began)
        try:
            reply = await self._send(replace(step, left=left), token)
        except ApiError as error:
            await asyncio.to_thread(self.budget.settle, token, httpx_adapter.outcome_of_error(error))
            raise
        seen = httpx_adapter.outcome(reply, self.caller.manner.today())
        await asyncio.to_thread(self.budget.settle, token, *seen)
        return reply

    async def _send(self, step: Exchange, token: str) -> Reply:
        async def written(event: str, _info: Any) -> None:
            if event.endswith(httpx_adapter.WRITTEN):
                await asyncio.to_thread(self.budget.sent, token)

        request = step.request
        try:
            response = await self._http.request(
                request.verb,
                httpx_adapter.address(self._base_url, request),
                content=request.body,
                headers=httpx_adapter.headers(request, self._key),
                timeout=min(self._timeout, max(step.left, 0.1)),
                extensions={"trace": written},
            )
        except httpx.HTTPError as error:
            raise httpx_adapter.lost_with(request, error) from None
        return httpx_adapter.reply(response)

    @asynccontextmanager
    async def open_file(self, url: str, *, lane: Lane = Lane.BULK) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes behind a signed address, in pieces. No API key goes there. Raises ApiError."""
        request = httpx_adapter.file_request(url)
        token = await self._acquire(lane, None) if httpx_adapter.same_host(url, self._base_url) else None
        try:
            async with self._http.stream("GET", url) as response:
                if not response.is_success:
                    kind = response.headers.get("content-type", "")
                    raise httpx_adapter.refusal(request, response.status_code, await response.aread(), kind)
                yield response.aiter_bytes()
        except httpx.HTTPError as error:
            raise httpx_adapter.lost_with(request, error) from None
        finally:
            if token is not None:
                await asyncio.to_thread(self.budget.settle, token, Outcome.ANSWERED)

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncClient {self._base_url} integration={self.caller.integration}>"
