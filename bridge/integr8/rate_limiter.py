"""The rules of the rate budget, as a value without I/O and without a clock of its own.

LocalBudget runs on it, and `rate_budget.lua` repeats it on the Redis server; a test drives both with the same calls
and wants the same answers.

**The window.** A call that was sent holds a slot. While it is on its way the slot is held; once its answer
is here the call must have been counted by the server, so the slot ages from that moment. A new call may go
when, counted that way, fewer than `burst` calls lie in the newest `burst / per_second` seconds and fewer than
max(burst, per_second) in the newest second. Since a slot never ages before the server can have counted its
call, no window of the server's own clock ever holds more, however network and machines stall. The price is the
time of an answer: 20 ms cost 2% of the rate, 200 ms a sixth. That is cheaper than the half that a single 429
costs; a margin of some milliseconds instead was tried and gave way on a busy machine. Only an answer that takes
longer than COUNTED does not hold its slot to the end. A server that stood still counts what it had not read yet when it
goes on: the calls without an answer since the breaker opened take their slots once more with the first answer.

**Adaptation.** A 429 halves the rate, at most once a second, and closes the budget for the pause the server
named (or a doubling one of our own); success grows it back by steps. **The breaker** opens when at least half
of ten or more calls fail, or after two calls in a row without any answer, or five in a row that failed. It lets a
single call try every second or two, so that work goes on within seconds after an outage. It delays and never drops
anything.
**Priorities.** While a call of a higher priority waits, lower ones stand back; one that has waited for STARVING
seconds gets one turn, for which the higher ones stand back in their turn.
"""

import math
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

HELD = 10.0  # s a slot is kept for a caller that took it and was never heard of again
COUNTED_AFTER = 1.0  # s after the last byte was written: by then a call is taken as counted, answered or not
GROW_EVERY, GROW_BY, LEAST = 3.0, 0.05, 0.05  # s; share of the nominal rate; smallest share
HALVE_EVERY = 1.0  # s; answers to calls that were already on their way count once
PAUSE, PAUSE_MAX, CLOSED_MAX = 0.5, 30.0, 3600.0  # s
BREAKER_CALLS, BREAKER_SPAN = 10, 30.0
STREAK, LOST = 5, 3  # failures in a row that open the breaker; a call without an answer counts as so many
OPEN, OPEN_MAX, PROBE = 1.0, 1.5, 5.0  # s
STARVING, STARVING_SLOTS = 5.0, 20  # s, or so many slots' time where that is longer
POLL = 0.05  # s until a caller asks again when what it waits for has no known end


class Priority(IntEnum):
    """The order of calls. Pauses are urgent; exports and imports are bulk."""

    URGENT = 0
    NORMAL = 1
    BULK = 2


class Outcome(StrEnum):
    """The outcome of a call, as far as the budget needs it."""

    ANSWERED = "answered"  # any answer that is neither of the next two
    THROTTLED = "throttled"  # 429
    FAILED = "failed"  # 5xx
    LOST = "lost"  # no answer
    UNSENT = "unsent"  # never left, for instance connection refused: gives the slot back


@dataclass(frozen=True, slots=True)
class BudgetState:
    """The state for people. Seconds, and the share of the nominal rate in use."""

    share: float = 1.0
    closed_for: float = 0.0
    breaker_open_for: float = 0.0
    in_window: int = 0
    trips: int = 0  # how often the breaker has opened since the last answer; 0 while it is closed


@dataclass(slots=True)
class Pace:
    """One budget. Every method takes `now` in seconds of any steady clock."""

    per_second: float
    burst: int
    slots: dict[str, float] = field(default_factory=dict)  # token → when the server has counted it
    waiting: tuple[dict[str, float], ...] = field(default_factory=lambda: ({}, {}, {}))  # per priority: token → until
    turns: dict[int, float] = field(default_factory=dict)
    share: float = 1.0
    changed: float = 0.0
    halved: float = -math.inf
    strikes: int = 0
    closed_until: float = 0.0
    calls: int = 0
    bad: int = 0
    streak: int = 0
    since: float = 0.0
    unread: int = 0  # calls without an answer since the last one; a server that stood still has yet to count them
    opened: int = 0
    open_until: float = 0.0
    probing_until: float = 0.0

    def ask(self, now: float, priority: Priority, token: str) -> float:
        """Ask for a slot. 0.0: the slot is yours. Otherwise: the seconds until the next attempt makes sense."""
        wait = max(self._closed(now), self._window(now))
        standing_back = self._overtaken(now, priority)
        if standing_back:
            wait = max(wait, POLL)
        if wait > 0:
            line = self.waiting[priority]
            line[token] = now + wait + 0.5
            for gone in [one for one, until in line.items() if until <= now]:
                del line[gone]
            return wait
        self.waiting[priority].pop(token, None)
        if self.opened:
            self.probing_until = now + PROBE
        self.turns[priority] = now
        self.slots[token] = now + HELD
        return 0.0

    def sent(self, now: float, token: str) -> None:
        """Note that the request has been written to the socket."""
        if token in self.slots:
            self.slots[token] = now + COUNTED_AFTER

    def settle(self, now: float, token: str, outcome: Outcome, retry_after: float | None = None) -> None:
        """Note the end of the call and its answer, if any."""
        if outcome is Outcome.UNSENT:
            self.slots.pop(token, None)
        elif token in self.slots:
            self.slots[token] = min(self.slots[token], now)
        if outcome is Outcome.THROTTLED:
            self._throttle(now, retry_after)
        if outcome in {Outcome.FAILED, Outcome.LOST, Outcome.UNSENT}:
            self.unread = {Outcome.FAILED: 0, Outcome.LOST: self.unread + 1}.get(outcome, self.unread)
            self._fail(now, 1 if outcome is Outcome.FAILED else LOST)
            return
        if self.opened and self.unread:
            most = max(self.burst, math.floor(self.per_second))
            for number in range(min(self.unread + 1, most)):  # one more may be on its way: PROBE is no longest wait
                self.slots[f"unread {number} of {now:.6f}"] = now
        self.streak = self.unread = 0
        if outcome is Outcome.ANSWERED:
            self._grow(now)
        self._count(now)
        self.opened, self.probing_until = 0, 0.0

    def state(self, now: float) -> BudgetState:
        """Return a snapshot for people."""
        return BudgetState(
            share=self.share,
            closed_for=max(0.0, self.closed_until - now),
            breaker_open_for=max(0.0, self.open_until - now) if self.opened else 0.0,
            in_window=sum(1 for counted in self.slots.values() if counted > now - 1),
            trips=self.opened,
        )

    # --- asking ------------------------------------------------------------------------------------

    def _closed(self, now: float) -> float:
        wait = max(0.0, self.closed_until - now)
        if self.opened:
            wait = max(wait, self.open_until - now)
            if now < self.probing_until:
                wait = max(wait, POLL)
        return wait

    def _overtaken(self, now: float, priority: Priority) -> bool:
        if any(self._waits(now, higher) for higher in range(priority)):
            self.turns.setdefault(priority, now)
            if not self._starves(now, priority):
                return True
        lower = range(priority + 1, len(self.waiting))
        return any(self._waits(now, one) and self._starves(now, one) for one in lower)

    def _waits(self, now: float, priority: int) -> bool:
        return any(until > now for until in self.waiting[priority].values())

    def _starves(self, now: float, priority: int) -> bool:
        patience = max(STARVING, STARVING_SLOTS / (self.per_second * self.share))
        return now - self.turns.get(priority, now) >= patience

    def _window(self, now: float) -> float:
        burst = max(1, math.floor(self.burst * self.share + 1e-9))
        rate = self.per_second * self.share
        in_second = max(burst, math.floor(rate + 1e-9))
        period = burst / rate
        oldest = now - max(period, 1.0)
        for token in [token for token, counted in self.slots.items() if counted <= oldest]:
            del self.slots[token]
        return max(self._room(now, burst, period), self._room(now, in_second, 1.0))

    def _room(self, now: float, most: int, period: float) -> float:
        counted = sorted((at for at in self.slots.values() if at > now - period), reverse=True)
        if len(counted) < most:
            return 0.0
        last = counted[most - 1]
        return POLL if last > now else max(last + period - now, 0.001)

    # --- learning ----------------------------------------------------------------------------------

    def _throttle(self, now: float, retry_after: float | None) -> None:
        if now - self.halved >= HALVE_EVERY:
            self.share = max(LEAST, self.share / 2)
            self.halved = self.changed = now
            self.strikes += 1
        own = min(PAUSE_MAX, PAUSE * 2 ** (self.strikes - 1))
        pause = own if retry_after is None else min(retry_after, CLOSED_MAX)
        self.closed_until = max(self.closed_until, now + pause)

    def _grow(self, now: float) -> None:
        self.strikes = 0
        if self.share < 1 and now - self.changed >= GROW_EVERY:
            self.share = min(1.0, self.share + GROW_BY)
            self.changed = now

    def _count(self, now: float) -> None:
        if now - self.since > BREAKER_SPAN:
            self.since, self.calls, self.bad = now, 0, 0
        self.calls += 1

    def _fail(self, now: float, weight: int) -> None:
        self._count(now)
        self.bad += 1
        self.streak += weight
        tripped = self.streak >= STREAK or (self.calls >= BREAKER_CALLS and self.bad * 2 >= self.calls)
        if (self.opened and now < self.probing_until) or (not self.opened and tripped):
            self.opened += 1
            self.open_until = now + min(OPEN_MAX, OPEN * 2 ** (self.opened - 1))
            self.probing_until = 0.0
            self.since, self.calls, self.bad = now, 0, 0
