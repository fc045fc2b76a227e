"""One simulated Integr8: its whole state, behind one lock.

world = World(seed=7)
offer = world.offer("Shoes", clicks=2400, conversions=2)
app = create_app(world)
...
assert world.paused == [offer.key]
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from bridge.simulator.clock import Clock, milliseconds
from bridge.simulator.columns import Eye
from bridge.simulator.directory import Directory
from bridge.simulator.faults import Faults
from bridge.simulator.files import Files
from bridge.simulator.ids import Ids
from bridge.simulator.jobs import Jobs
from bridge.simulator.keys import ApiKey, KeyRing
from bridge.simulator.limiter import Limiter
from bridge.simulator.live_traffic import Traffic
from bridge.simulator.options import Options
from bridge.simulator.postback_log import PostbackLog
from bridge.simulator.postback_sender import Sender
from bridge.simulator.postbacks import Postbacks, Send
from bridge.simulator.repositories import Entity
from bridge.simulator.request_log import RequestLog
from bridge.simulator.tables import Table
from bridge.simulator.tracker import Tracker
from bridge.simulator.traffic_model import DAY, Model
from bridge.simulator.visitors import VISITORS
from bridge.simulator.zero_values import blank

API_KEY = "simulator-key"
INTEGRATION = "s1mulated0"
ORGANIZATION = "0rganized1"


class World:
    def __init__(
        self,
        *,
        seed: int = 1,
        clock: Clock | None = None,
        options: Options | None = None,
        api_key: str = API_KEY,
        integrations: Iterable[str] = (INTEGRATION,),
        ticks: Callable[[], float] = time.monotonic,
        send: Send | None = None,
    ) -> None:
        self.seed = seed
        self.lock = threading.RLock()
        self.clock = clock or Clock()
        self.ids = Ids(seed)
        self.dice = random.Random(seed)  # noqa: S311 - repeatable traffic
        self.keys = KeyRing()
        self.keys.add(ApiKey("main", api_key))
        self.api_key = api_key
        self.directory = Directory(
            ids=self.ids, clock=self.clock, organization=ORGANIZATION, integrations=integrations, blanks=blank
        )
        self.tracker = Tracker(self.directory, self.ids, self.clock)
        self.faults = Faults(seed)
        self.limiter = Limiter(ticks)
        self.log = RequestLog(ticks)
        self.secure_token = self.ids.token()
        self.files = Files(self.ids.token())
        self.jobs = Jobs(self.files, self.ids)
        self.postback_log = PostbackLog()
        self.live = Traffic(Model(seed), self.directory, self.tracker, self.ids)
        self.postbacks = Postbacks(self.postback_log, self._eye, self.now_ms, self._copies)
        self.tracker.listeners.append(self.postbacks.hear)
        self._sender = Sender(send)
        self._firing = threading.Lock()
        self.rejections: list[dict[str, str]] = []  # calls of the rejection address, also the idle ones
        self._options = options or Options()
        self.configure({})

    # --- switches ---

    @property
    def options(self) -> Options:
        return self._options

    def configure(self, requested: Mapping[str, Any]) -> Options:
        self._options = self._options.changed(requested)
        self.tracker.keep_paused_clicks = self._options.paused_traffic == "rejected"
        return self._options

    @property
    def integration(self) -> str:
        return self.directory.integrations[0]

    def now_ms(self) -> int:
        return milliseconds(self.clock.now())

    # --- time passing ---

    def catch_up(self) -> None:
        """Advance everything to the present moment of the clock. Called with the lock held."""
        self.live.catch_up(self.now_ms())
        self.jobs.move_on(self.clock.now(), self.options)

    def tick(self) -> None:
        """Run the periodic work of a running service, a few times a second."""
        with self.lock:
            self.catch_up()
        self.fire_postbacks()

    def fire_postbacks(self, *, everything: bool = False) -> list[dict[str, Any]]:
        """Send due postbacks (or all waiting ones) and return the results. Call it without the lock."""
        with self._firing:
            with self.lock:
                jobs = self.postbacks.take_due(everything=everything)
            sent = self._sender.send_all(jobs)
            with self.lock:
                return [
                    self.postbacks.note(due, known, url, code, text)
                    for (due, known), (url, code, text) in zip(jobs, sent, strict=True)
                ]

    def close(self) -> None:
        """Release threads and connections."""
        self._sender.close()

    def _copies(self) -> int:
        if self.dice.random() < self.options.postback_loss:
            return 0
        return 2 if self.dice.random() < self.options.postback_repeat else 1

    def _eye(self) -> Eye:
        return Eye(self.directory, ids=self.options.report_ids)

    # --- quick making of what a test is about ---

    def advertiser(self, name: str = "Advertiser", *, key: str | None = None, **fields: Any) -> Entity:
        with self.lock:
            return self.directory.create("advertisers", {"name": name, **fields}, key=key)

    def publisher(self, name: str = "Publisher", *, key: str | None = None, **fields: Any) -> Entity:
        with self.lock:
            return self.directory.create("publishers", {"name": name, **fields}, key=key)

    def offer(
        self,
        name: str = "Offer",
        *,
        key: str | None = None,
        clicks: int = 0,
        conversions: int = 0,
        within: timedelta = timedelta(hours=20),
        settled: timedelta = timedelta(hours=2),
        publishers: Iterable[Entity] = (),
        advertiser: Entity | None = None,
        **fields: Any,
    ) -> Entity:
        """Return an offer with traffic that is spread evenly over the time range that ended `settled` ago."""
        with self.lock:
            owner = advertiser or self._any("advertisers", self.advertiser)
            given = {"name": name, "advertiser_id": owner.number, **fields}
            offer = self.directory.create("offers", given, key=key)
            if clicks:
                homes = list(publishers) or [self._any("publishers", self.publisher)]
                end = self.clock.now() - settled
                self.traffic(offer, homes, clicks, conversions, start=end - within, end=end)
            return offer

    def traffic(
        self,
        offer: Entity,
        publishers: Iterable[Entity],
        clicks: int,
        conversions: int,
        *,
        start: datetime,
        end: datetime,
        **conversion: Any,
    ) -> None:
        """Add exactly this number of clicks and conversions; conversions are spread over the clicks, minutes later."""
        homes = list(publishers)
        first, last = milliseconds(start), milliseconds(end)
        step = (last - first) / max(clicks, 1)
        lucky = {round((number + 0.5) * clicks / conversions - 0.5) for number in range(conversions)}
        with self.lock:
            for number in range(clicks):
                at = int(first + step * number + self.dice.random() * step)
                click = self.tracker.click(
                    offer,
                    homes[number % len(homes)],
                    at=at,
                    visitor=self.dice.choice(VISITORS),
                    sub_id=f"s{number % 7}",
                    quiet=True,
                    ignore_pause=True,
                )
                if number in lucky and click is not None:
                    delay = int(self.dice.uniform(20_000, 900_000))
                    self.tracker.convert(click, at=min(at + delay, max(last, at)), quiet=True, **conversion)

    def _any(self, resource: str, make: Callable[[], Entity]) -> Entity:
        return next(self.directory.repositories[resource].living(), None) or make()

    def history(self, days: float) -> int:
        """Let the traffic model generate the past; returns the number of clicks."""
        with self.lock:
            now = self.now_ms()
            return self.live.back_fill(now - int(days * DAY), now)

    # --- quick questions ---

    @property
    def paused(self) -> list[str]:
        """Keys of the living inactive offers, in the order of their creation."""
        return [offer.key for offer in self.directory.offers.living() if not offer.fields["active"]]

    @property
    def clicks(self) -> Table[Any]:
        return self.tracker.clicks

    @property
    def conversions(self) -> Table[Any]:
        return self.tracker.conversions
