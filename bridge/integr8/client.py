"""The client: sends the requests of a call over httpx, waits between them, and returns the answer.

client = Client("https://api.app.integr8.co", key, integration="dhkwd4izck", budget=LocalBudget(5))
for offer in client.offers.list(filter={"active": True}, sort="-name"):
...
client.offers.set_status(["42", "43"], active=False, priority=Priority.URGENT)
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from bridge.integr8 import httpx_adapter, rejection, report_resources, request_gate, request_observer, resources
from bridge.integr8.call import CallOptions, Exchange, Flow, Pause, Step
from bridge.integr8.catalogue import Route, places
from bridge.integr8.core import Reply
from bridge.integr8.errors import ApiError, BudgetError
from bridge.integr8.flows import CHUNK, AccountContext
from bridge.integr8.rate_budget import Budget, acquire, new_token
from bridge.integr8.rate_limiter import Outcome, Priority
from bridge.integr8.request_observer import ObservedRequest, RequestObserver

T = TypeVar("T")


class Client:
    """Integr8's whole API for one account.

    `integration` is the id that offers, reports and downloads belong to; `routes` holds the routes that differ at this
    account (such as `"PUT /path"`), `rejection_url` the tracker's address for rejections. `timeout` limits one request
    and `deadline` one call with all its attempts, in seconds. Threads may share a client. Create it after a fork, not
    before. `tell` is called after each request.
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
        transport: httpx.BaseTransport | None = None,
        timeout: float = 30.0,
        deadline: float = 120.0,
        priority: Priority = Priority.NORMAL,
        chunk: int = CHUNK,
        sleep: Callable[[float], None] = time.sleep,
        call_options: CallOptions | None = None,
        tell: RequestObserver = request_observer.ignore,
    ) -> None:
        self._tell = tell
        self._skew: timedelta | None = None
        self._base_url = httpx_adapter.base(base_url)
        self._key = httpx_adapter.key(api_key)
        self._rejection_url = rejection_url
        self.budget = budget
        self._sleep = sleep
        self.context = AccountContext(
            integration,
            places(routes or {}),
            call_options or CallOptions(priority=priority, deadline=deadline),
            secrets=(api_key,),
            chunk=chunk,
        )
        self._timeout = timeout
        self._direct = transport is None
        self._http = httpx.Client(transport=transport, timeout=timeout, headers=httpx_adapter.agent())
        self.users = resources.Users(self)
        self.offers = resources.Offers(self)
        self.publishers = resources.Publishers(self)
        self.advertisers = resources.Advertisers(self)
        self.offer_events = resources.OfferEvents(self)
        self.landing_pages = resources.LandingPages(self)
        self.reports = report_resources.Reports(self)
        self.downloads = report_resources.Downloads(self)
        self.exports = report_resources.Exports(self)

    def call(
        self,
        name: str,
        *,
        path: Mapping[str, str | int] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        priority: Priority | None = None,
        deadline: float | None = None,
    ) -> Any:
        """Call any operation of the catalogue by its name: one request and its repetitions.

        Returns the whole body of lists and reports, the object of `get`, the id of a create, the text of a URL, None
        for the others. `integrationID`, `integration_id` and `timezone` are filled in.
        """
        flow = self.context.call(name, path=path, query=query, body=body, priority=priority, deadline=deadline)
        return self.run(flow)

    def reject_conversion(self, transaction_id: str, reason: str) -> None:
        """Reject a conversion through the tracker's `rejection_url`; it cannot be reversed.

        Raises InvalidCall if the account has no such address. An unknown id has no effect.
        """
        self.run(rejection.reject(self.context, self._rejection_url, transaction_id, reason))

    def run(self, flow: Flow[T]) -> T:
        """Run a flow: send its exchanges, wait for its pauses, return its result."""
        resume: Callable[[], Step] = partial(next, flow)
        while True:
            try:
                step = resume()
            except StopIteration as end:
                result: T = end.value
                return result
            resume = self._perform(flow, step)

    def _perform(self, flow: Flow[T], step: Step) -> Callable[[], Step]:
        """Execute one step; the return value goes to the flow."""
        if isinstance(step, Pause):
            self._sleep(step.seconds)
            return partial(flow.send, None)
        try:
            return partial(flow.send, self._exchange(step))
        except (ApiError, BudgetError) as error:
            return partial(flow.throw, error)

    def _exchange(self, step: Exchange) -> Reply:
        clock = self.context.call_options.clock
        began = clock()
        patience = min(step.left, self.context.call_options.max_wait)
        token = acquire(self.budget, step.priority, deadline=patience, clock=clock, sleep=self._sleep)
        granted = clock()
        waited, name = granted - began, step.request.name
        try:
            request_gate.pass_through(name, waited=waited)
        except ApiError:
            self.budget.settle(token, Outcome.UNSENT)
            raise
        try:
            reply = self._send(replace(step, left=step.left - waited), token)
        except ApiError as error:
            self.budget.settle(token, httpx_adapter.outcome_of_error(error))
            self._tell(ObservedRequest(name, request_observer.outcome_of_error(error), waited, clock() - granted))
            raise
        self._skew = httpx_adapter.skew(reply, self.context.call_options.today())
        self.budget.settle(token, *httpx_adapter.outcome(reply, self.context.call_options.today()))
        self._tell(ObservedRequest(name, request_observer.outcome(reply), waited, clock() - granted))
        return reply

    def answers(self, *, timeout: float, unread: bool = False) -> bool:
        """Return whether Integr8 answers one cheap read. It waits for no slot: without a free one, the answer is no.

        The read is sent to a server that reads, unless `unread`: otherwise it may stay in the queue of a frozen one.
        """
        request = self.context.request("publishers.list", query={"page[number]": 1, "page[size]": 1})
        token = new_token()
        if self.budget.ask(Priority.URGENT, token) > 0:
            return False
        if self._direct and not unread and not httpx_adapter.server_reads(self._base_url, timeout):
            self.budget.settle(token, Outcome.UNSENT)
            return False
        try:
            reply = self._send(Exchange(request, Priority.URGENT, timeout), token)
        except ApiError as error:
            self.budget.settle(token, httpx_adapter.outcome_of_error(error))
            return False
        self.budget.settle(token, *httpx_adapter.outcome(reply, self.context.call_options.today()))
        return reply.status < 500

    @property
    def skew(self) -> timedelta | None:
        """Return how far our clock is ahead of Integr8's, by the Date of its last answer; None before the first one."""
        return self._skew

    def _send(self, step: Exchange, token: str) -> Reply:
        request = step.request
        try:
            response = self._http.request(
                request.verb,
                httpx_adapter.address(self._base_url, request),
                content=request.body,
                headers=httpx_adapter.headers(request, self._key),
                timeout=min(self._timeout, max(step.left, 0.1)),
                extensions={"trace": httpx_adapter.when_written(lambda: self.budget.sent(token))},
            )
        except httpx.HTTPError as error:
            raise httpx_adapter.lost_with(request, error) from None
        return httpx_adapter.reply(response)

    @contextmanager
    def open_file(self, url: str, *, priority: Priority = Priority.BULK) -> Iterator[Iterator[bytes]]:
        """Open the file at a signed address, in pieces. No API key is sent there. Raises ApiError."""
        request = httpx_adapter.file_request(url)
        token = (
            acquire(self.budget, priority, sleep=self._sleep) if httpx_adapter.same_host(url, self._base_url) else None
        )
        try:
            with self._http.stream("GET", url) as response:
                if not response.is_success:
                    kind = response.headers.get("content-type", "")
                    raise httpx_adapter.refusal(request, response.status_code, response.read(), kind)
                yield response.iter_bytes()
        except httpx.HTTPError as error:
            raise httpx_adapter.lost_with(request, error) from None
        finally:
            if token is not None:
                self.budget.settle(token, Outcome.ANSWERED)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client {self._base_url} integration={self.context.integration}>"
