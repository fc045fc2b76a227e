"""Continue traffic while the clock runs: visits are planned by the hour and happen at their time."""

import heapq
import itertools
from typing import Any, Final

from bridge.simulator.directory import Directory
from bridge.simulator.ids import Ids
from bridge.simulator.repositories import Entity
from bridge.simulator.rows import APPROVED, PENDING, REJECTED, Click, Conversion
from bridge.simulator.tracker import Tracker
from bridge.simulator.traffic_model import DAY, HOUR, Model, Visit
from bridge.simulator.visitors import VISITORS

LATE_REASON: Final = "third_party_rejection"


class Traffic:
    """Plans and admits visits, and later adds their conversions, events and late verdicts."""

    def __init__(self, model: Model, directory: Directory, tracker: Tracker, ids: Ids) -> None:
        self.model = model
        self.live = False
        self._directory = directory
        self._tracker = tracker
        self._ids = ids
        self._dice = ids.dice()
        self._next_hour = 0
        self._order = itertools.count()
        self._coming: list[tuple[int, int, str, Any]] = []

    @property
    def coming(self) -> int:
        return len(self._coming)

    def back_fill(self, start: int, now: int) -> int:
        """Simulate everything since `start` without postbacks, and return the number of clicks."""
        before = len(self._tracker.clicks)
        self._plan(start, now)
        self._next_hour = max(self._next_hour, now // HOUR + 1)
        if not self.live:  # what is planned beyond now belongs to nobody; verdicts and conversions still come
            self._coming = [each for each in self._coming if each[2] != "visit" or each[0] <= now]
            heapq.heapify(self._coming)
        self._release(now, quiet=True)
        return len(self._tracker.clicks) - before

    def go_live(self, now: int) -> None:
        self.live = True
        self._plan(now, now)
        self._next_hour = now // HOUR + 1

    def stop(self) -> None:
        """Stop new visits; earlier clicks still convert."""
        self.live = False
        self._coming = [each for each in self._coming if each[2] != "visit"]
        heapq.heapify(self._coming)

    def catch_up(self, now: int) -> None:
        if self.live:
            while self._next_hour * HOUR <= now:
                self._plan_hour(self._next_hour, self._next_hour * HOUR)
                self._next_hour += 1
        if self._coming and self._coming[0][0] <= now:
            self._release(now, quiet=False)

    def arrive(self, table: str, many: int, now: int) -> None:
        """Add this number of rows to one table now, as happens to a reader between two pages."""
        offers = [each for each in self._directory.offers.living() if each.active]
        publishers = [each for each in self._directory.publishers.living() if each.active]
        for _ in range(many if offers and publishers else 0):
            offer, publisher = self._dice.choice(offers), self._dice.choice(publishers)
            if table == "impressions":
                self._tracker.impression(offer, publisher, at=now)
                continue
            click = self._tracker.click(offer, publisher, at=now)
            if table == "conversions" and click is not None:
                self._tracker.convert(click, at=now)

    def _plan(self, start: int, now: int) -> None:
        for hour in range(start // HOUR, now // HOUR + 1):
            self._plan_hour(hour, start)

    def _plan_hour(self, hour: int, start: int) -> None:
        offers, publishers = list(self._directory.offers.living()), list(self._directory.publishers.living())
        for visit in self.model.hour(hour, offers, publishers):
            if visit.at >= start:
                self._push(visit.at, "visit", visit)

    def _push(self, at: int, what: str, thing: Any) -> None:
        heapq.heappush(self._coming, (at, next(self._order), what, thing))

    def _release(self, now: int, *, quiet: bool) -> None:
        while self._coming and self._coming[0][0] <= now:
            at, _, what, thing = heapq.heappop(self._coming)
            match what:
                case "visit":
                    self._visit(thing, quiet=quiet)
                case "conversion":
                    self._conversion(at, *thing, quiet=quiet)
                case "event":
                    self._event(at, *thing, quiet=quiet)
                case _:
                    row, status, reason = thing
                    self._verdict(row, status, reason, quiet=quiet)

    def _visit(self, visit: Visit, *, quiet: bool) -> None:
        offer = self._directory.offers.numbered(visit.offer)
        publisher = self._directory.publishers.numbered(visit.publisher)
        assert offer is not None, "visits are planned for offers in the repository"
        assert publisher is not None, "visits are planned for publishers in the repository"
        self._views(visit, offer, publisher)
        click = self._tracker.click(
            offer, publisher, at=visit.at, visitor=VISITORS[visit.visitor], sub_id=visit.sub_id, quiet=quiet
        )
        if click is not None and visit.converts_at is not None:
            self._push(visit.converts_at, "conversion", (click, visit))

    def _views(self, visit: Visit, offer: Entity, publisher: Entity) -> None:
        """Add impressions in the minutes before the click; a fractional one is added by chance."""
        whole, part = divmod(self.model.habits.impressions, 1)
        for _ in range(int(whole) + (self._dice.random() < part if part else 0)):
            earlier = visit.at - int(self._dice.uniform(0, 600_000))
            self._tracker.impression(offer, publisher, at=earlier, visitor=VISITORS[visit.visitor])

    def _conversion(self, at: int, click: Click, visit: Visit, *, quiet: bool) -> None:
        if self.model.broken(click.advertiser, at):
            return
        row = self._tracker.convert(
            click,
            at=at,
            purchase=visit.purchase,
            status=REJECTED if visit.reject_with else None,
            reason=visit.reject_with,
            quiet=quiet,
        )
        if row is not None and row.status != REJECTED:
            self._foresee(row, click)

    def _foresee(self, row: Conversion, click: Click) -> None:
        """Plan what will still happen to it: an event, a late rejection, the end of pending."""
        habits, dice = self.model.habits, self._dice
        if dice.random() < habits.events:
            self._push(row.at + int(dice.uniform(0.2, 24) * HOUR), "event", (click,))
        if row.status == PENDING:
            refused = dice.random() < habits.refused_pending
            verdict = (row, REJECTED, LATE_REASON) if refused else (row, APPROVED, "")
            self._push(row.at + int(dice.uniform(2, 48) * HOUR), "verdict", verdict)
        elif dice.random() < habits.late_rejections:
            self._push(row.at + int(dice.uniform(1 / 24, 3) * DAY), "verdict", (row, REJECTED, LATE_REASON))

    def _event(self, at: int, click: Click, *, quiet: bool) -> None:
        """Plan the first active event of the offer that may still happen; offers without events have none."""
        offer = self._directory.offers.numbered(click.offer)
        assert offer is not None, "a click names an offer that was once made"
        for event in self._directory.offer_events.living(offer=offer.key):
            if self._tracker.convert(click, at=at, event=event, quiet=quiet) is not None:
                return

    def _verdict(self, row: Conversion, status: str, reason: str, *, quiet: bool) -> None:
        """Apply a verdict, unless somebody else has judged the conversion meanwhile; the first verdict stays."""
        if row.status in {PENDING, APPROVED} and row.status != status:
            self._tracker.judge(row, status, reason, quiet=quiet)
