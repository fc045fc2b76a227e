"""Build the parts of a process from its settings: store, Redis, clients, budget, sources. Nothing else does.

One `Services` per process, made after the fork. Everything in it is made when it is first asked for, so that the
web process never connects to Integr8 and `check` never to Redis. Modules are imported at the same moment: a command
that lists rules loads neither httpx nor Redis nor numpy.
"""

import mmap
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from bridge.config import redis_address
from bridge.config import settings as settings_module
from bridge.config.errors import SettingsError
from bridge.config.settings import Settings
from bridge.services import running_service
from bridge.store.clock import DatabaseClock
from bridge.store.engine import Store, make_engine
from bridge.store.observations_away import WHERE_ROWS_ARE
from bridge.store.private_files import private_directory

if TYPE_CHECKING:
    import httpx
    import redis

    from bridge.config.library import Library
    from bridge.config.login import Oidc
    from bridge.integr8 import Client
    from bridge.integr8.call import CallOptions
    from bridge.outbound.channels import Channel
    from bridge.outbound.http import Outgoing
    from bridge.reports.chunk_cache import ChunkCache
    from bridge.reports.clickhouse_rows import ClickHouseRows
    from bridge.reports.listings import ClientListings
    from bridge.reports.live_observations import LiveData
    from bridge.reports.report_pages import ReportPages
    from bridge.reports.segment_directory import SegmentDirectory
    from bridge.services.api_usage import Meter
    from bridge.services.queue import Queue
    from bridge.services.secrets import SecretsBox
    from bridge.sources import Source
    from bridge.store.list_order import ListOrder

log = structlog.get_logger()

MAX_CALL_SECONDS = 30.0  # seconds of one call with all its tries; then the effect waits as a row and the worker is free
TIMEOUT = 20.0  # seconds of one request
MAX_WAIT, MAX_PAUSE = 10.0, 1.0  # seconds that a worker waits for a slot of the budget, and between two tries
REFRESH = 2.0  # seconds between two checks of bridge.yaml for changes
BULK = 500  # targets of one bulk call. No limit is documented; the fewer calls, the sooner a thousand pauses stand


class _SharedFlag:
    """Set by a parent, read by children that were forked before: a threading.Event would be a copy in each."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Share it from here on only with children that this process forks, not with what it was forked from."""
        self._shared = mmap.mmap(-1, 1)

    def set(self) -> None:
        self._shared[0] = 1

    def is_set(self) -> bool:
        return self._shared[0] == 1


leaving = _SharedFlag()  # set when this worker has been asked to go: begin nothing new


class Services:
    """The parts of one process."""

    def __init__(
        self,
        settings: Settings,
        *,
        transport: "httpx.BaseTransport | None" = None,
        clock: Callable[[], datetime] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        patient: bool = False,
        queue: "Queue | None" = None,
        store: Store | None = None,
    ) -> None:
        """Create it. `patient`: a person waits for the answers, as on a command line.

        A worker does not wait: rows do.
        """
        self.settings = settings
        self._patient = patient
        self._given = {name: part for name, part in {"queue": queue, "store": store}.items() if part is not None}
        self.__dict__ |= self._given  # they stand where the parts of this name would be made
        if store is not None:
            store.info.update(self._info)
        self.clock = clock or DatabaseClock(lambda: self.store.engine)
        self._stamp = _stamp(settings.home)
        self._looked = 0.0
        self._transport = transport  # None: real connections to Integr8
        self._sleep = sleep
        self._clients: dict[tuple[str, str], Client] = {}
        self._data: dict[tuple[str, str], LiveData] = {}
        self.rule_seconds: dict[str, float] = {}  # how long each rule took when it was last evaluated here
        self.rule_answers: dict[str, Any] = {}  # what each rule said last, as far as this process recorded it

    def refresh(self, *, every: float = 0.0) -> bool:
        """Load the present entries of bridge.yaml and .env for sources, channels, `http:` and `notices:`.

        Returns True if something changed. Accounts, the database and the rest need a restart. An unusable file changes
        nothing; `check` says why. `every`: check at most once in this number of seconds.
        """
        if time.monotonic() < self._looked + every:
            return False
        self._looked = time.monotonic()
        stamp = _stamp(self.settings.home)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        return self._take_in()

    def _take_in(self) -> bool:
        before = self.settings
        try:
            new = settings_module.load(before.home)
            made = Services(
                replace(
                    before, sources=new.sources, channels=new.channels, http=new.http, public_url=new.public_url,
                    places=new.places,
                )
            )  # fmt: skip
            sources, channels = dict(made.sources), dict(made.channels)
            outgoing = {"outgoing": made.outgoing} if new.http != before.http else {}  # loads much, only if wanted
        except SettingsError as error:
            log.warning("bridge.yaml was changed and cannot be used", problems=error.problems)
            return False
        self.settings = replace(
            before, sources=new.sources, channels=new.channels, http=new.http, operations=new.operations,
            warnings=new.warnings,
        )  # fmt: skip
        self.__dict__ |= outgoing
        if "library" in self.__dict__:
            self.library.names_changed(self.settings)
        _become(self.__dict__.setdefault("sources", {}), sources)
        _become(self.__dict__.setdefault("channels", {}), channels)
        log.info("bridge.yaml read again", sources=sorted(sources), channels=sorted(channels))
        return True

    @cached_property
    def library(self) -> "Library":
        """The live rules, compiled."""
        from bridge.config.library import Library

        return Library(self.settings)

    @cached_property
    def store(self) -> Store:
        if self.settings.database_url.startswith("sqlite"):
            private_directory(self.settings.var)
        return Store(make_engine(self.settings.database_url), self._info)

    @property
    def _info(self) -> dict[str, Any]:
        """The info dict of sessions: a part that is read when a chunk says that its rows are elsewhere.

        Most commands never use it.
        """
        return {} if self.settings.clickhouse is None else {WHERE_ROWS_ARE: lambda: self.observation_rows}

    @cached_property
    def observation_rows(self) -> "ClickHouseRows | None":
        """The place of observations, if not the database."""
        if self.settings.clickhouse is None:
            return None
        from bridge.reports.clickhouse_client import ClickHouse
        from bridge.reports.clickhouse_rows import ClickHouseRows

        days = max(self.settings.keep["rows"], self.settings.keep["observations"])
        return ClickHouseRows(ClickHouse(self.settings.clickhouse), timedelta(days=days))

    @cached_property
    def list_order(self) -> "ListOrder":
        """The list positions at which to look first for an object of Integr8."""
        from bridge.store.list_order import ListOrder

        return ListOrder()

    @cached_property
    def redis(self) -> "redis.Redis":
        return redis_address.client(
            self._redis_url, socket_timeout=5, socket_connect_timeout=2, health_check_interval=10
        )

    @property
    def _redis_url(self) -> str:
        """The given address, or that of the service that runs on this home."""
        found = self.settings.redis_url or running_service.redis_url(self.settings.var)
        if found is None:
            raise SettingsError(
                ["settings: REDIS_URL is missing; export it, or let `integr8-bridge up` start an embedded server"]
            )
        return found

    @cached_property
    def queue(self) -> "Queue":
        """The queue of tasks. Without Redis, as on a command line, the sweep of the workers finds the work."""
        from bridge.services.queue import Queue

        return Queue(self.settings.redis_url or running_service.redis_url(self.settings.var), self.settings.own_queues)

    @cached_property
    def box(self) -> "SecretsBox":
        """Encrypts provisioned passwords with a key derived from BRIDGE_SECRET_KEY."""
        from bridge.services.secrets import SecretsBox

        if self.settings.secret_key is None:
            text = (
                "settings: BRIDGE_SECRET_KEY is missing; export a long random text (`openssl rand -hex 32` makes one)"
            )
            raise SettingsError([text])
        return SecretsBox(self.settings.secret_key)

    @cached_property
    def sources(self) -> "Mapping[str, Source]":
        """The configured senders. Raises SettingsError with every problem of every entry."""
        from bridge.sources import SourceSettingsError, build

        made, problems = {}, []
        for name, entry in self.settings.sources.items():
            try:
                made[name] = build(
                    name, entry, trusted_proxies=self.settings.trusted_proxies, public_url=self.settings.public_url
                )
            except SourceSettingsError as error:
                problems += [self.settings.problem(path, words) for path, words in error.problems]
        if problems:
            raise SettingsError(problems)
        return made

    def client(self, account: str = "main", integration: str = "default") -> "Client":
        """Return the client of one integration. All clients of one API key share one budget, over all processes."""
        found = self._clients.get((account, integration))
        if found is None:
            found = self._clients[account, integration] = self._make_client(account, integration)
        return found

    def _make_client(self, name: str, integration: str) -> "Client":
        from bridge.integr8 import Client
        from bridge.integr8.catalogue import Route
        from bridge.services.shared_budget import SharedBudget

        account = self.settings.accounts.get(name)
        if account is None:
            known = ", ".join(sorted(self.settings.accounts)) or "none"
            raise SettingsError([f"bridge.yaml: there is no account {name!r}; accounts are: {known}"])
        if integration not in account.integrations:
            known = ", ".join(sorted(account.integrations))
            raise SettingsError(
                [self.settings.problem(f"accounts.{name}", f"has no integration {integration!r}; known: {known}")]
            )
        budget = SharedBudget(
            self.settings.var, account.api_key, account.rate.per_second, account.rate.burst,
            redis=self.redis if self.settings.redis_url else None,
        )  # fmt: skip
        return Client(
            account.base_url,
            account.api_key,
            integration=account.integrations[integration],
            budget=budget,
            routes={operation: Route.parse(text) for operation, text in account.routes.items()},
            rejection_url=account.rejection_url,
            transport=self._transport,
            sleep=self._sleep,
            chunk=BULK,
            timeout=TIMEOUT,
            call_options=self._call_options(),
            tell=self.meter.of(name),
        )

    def _call_options(self) -> "CallOptions":
        from bridge.integr8.call import CallOptions

        if self._patient:
            return CallOptions(deadline=MAX_CALL_SECONDS, today=self.clock)
        return CallOptions(
            deadline=MAX_CALL_SECONDS, max_wait=MAX_WAIT, max_pause=MAX_PAUSE, repeat_writes=False, today=self.clock
        )

    def seconds_away(self, account: str) -> float:
        """Return the seconds until calls for this account make sense; 0.0: now."""
        from bridge.services.reachability import seconds_away

        known = self.settings.accounts.get(account)
        integration = next(iter(known.integrations), None) if known else None
        return 0.0 if integration is None else seconds_away(self.client(account, integration))

    @cached_property
    def meter(self) -> "Meter":
        """Counts requests to Integr8."""
        from bridge.services.api_usage import Meter

        return Meter(lambda: self.store, self.clock)

    def data(self, account: str = "main", integration: str = "default") -> "LiveData":
        """Return the observations of one integration, kept for the life of the process."""
        from bridge.reports.live_observations import LiveData
        from bridge.reports.windows import Windows
        from rules.model.revision import ALWAYS_KEPT

        key, dimensions = (account, integration), (*ALWAYS_KEPT, *self.settings.dimensions)
        if key not in self._data or tuple(self._data[key].windows.dimensions) != dimensions:
            files = self.observation_files(account, integration)
            self._data[key] = LiveData(account, integration, files=files, windows=Windows(dimensions))
        self._data[key].tracking.false_incidents = self.false_incidents(account)
        return self._data[key]

    def false_incidents(self, account: str) -> float:
        """Return how many false incidents of broken tracking a month this account accepts."""
        known = self.settings.accounts.get(account)
        return 1.0 if known is None else known.false_incidents

    def observation_files(self, account: str, integration: str) -> "SegmentDirectory":
        """Return the directory of the observations of one integration by time."""
        from bridge.reports.segment_directory import OBSERVATIONS, SegmentDirectory

        return SegmentDirectory(self.settings.var / OBSERVATIONS, account, integration)

    @cached_property
    def chunk_cache(self) -> "ChunkCache":
        from bridge.reports.chunk_cache import ChunkCache

        return ChunkCache()

    @cached_property
    def pages(self) -> "ReportPages":
        from bridge.reports.report_pages import ReportPages

        return ReportPages(self.client)

    @cached_property
    def listings(self) -> "ClientListings":
        from bridge.reports.listings import ClientListings

        return ClientListings(self.client)

    @cached_property
    def channels(self) -> "Mapping[str, Channel]":
        """The channels for notices. Raises SettingsError with every problem of every entry."""
        from bridge.outbound.channels import ChannelSettingsError, channel

        made, problems = {}, []
        for name, entry in self.settings.channels.items():
            try:
                made[name] = channel(name, entry)
            except ChannelSettingsError as error:
                problems += [self.settings.problem(path, words) for path, words in error.problems]
        if problems:
            raise SettingsError(problems)
        return made

    @cached_property
    def login(self) -> "Oidc | None":
        """The identity provider for sign-in, if there is one. Raises SettingsError with every problem."""
        from bridge.config.login import LoginSettingsError, oidc

        try:
            return oidc(self.settings.login, self.settings.home)
        except LoginSettingsError as error:
            raise SettingsError([self.settings.problem(path, words) for path, words in error.problems]) from error

    @cached_property
    def outgoing(self) -> "Outgoing":
        """The client for the `http` action. Raises SettingsError if `http:` of bridge.yaml cannot be read."""
        from bridge.outbound.http import HttpSettingsError, http_policy, outgoing

        try:
            return outgoing(http_policy(self.settings.http))
        except HttpSettingsError as error:
            raise SettingsError([self.settings.problem(path, words) for path, words in error.problems]) from error

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        if "store" in self.__dict__:
            if "meter" in self.__dict__:
                self.meter.write(last=True)
            self.store.close()
        if self.__dict__.get("observation_rows") is not None:
            self.__dict__["observation_rows"].server.close()
        if "redis" in self.__dict__:
            self.redis.close()
        if "queue" in self.__dict__ and "queue" not in self._given:  # what was given belongs to who gave it
            self.queue.close()


def _stamp(home: Path) -> tuple[tuple[int, int] | None, ...]:
    """Return when bridge.yaml and .env were last written, and their sizes."""
    found: list[tuple[int, int] | None] = []
    for name in (settings_module.SETTINGS_FILE, ".env"):
        try:
            told = (home / name).stat()
            found.append((told.st_mtime_ns, told.st_size))
        except OSError:
            found.append(None)
    return tuple(found)


def _become(held: dict[str, Any], wanted: Mapping[str, Any]) -> None:
    """Change a shared mapping without a moment in which it is empty."""
    held.update(wanted)
    for name in held.keys() - wanted.keys():
        del held[name]


_services: tuple[int, Services] | None = None
_lock = threading.Lock()


def services(make: Callable[[], Settings] = settings_module.load) -> Services:
    """Return the container of this process. A child of a fork gets its own."""
    global _services  # noqa: PLW0603 - one per process is the point
    with _lock:
        if _services is None or _services[0] != os.getpid():
            _services = (os.getpid(), Services(make()))
        found = _services[1]
    found.refresh(every=REFRESH)
    return found


def forget() -> None:
    """Drop what a fork inherited, without closing connections that belong to the parent."""
    global _services  # noqa: PLW0603 - see above
    _services = None
