"""The simulated network's clock: it can stand still, jump, or run beside the real one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def utc_now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """Real time plus an offset, or a fixed moment that moves only on request."""

    def __init__(self, *, at: datetime | None = None, source: Callable[[], datetime] = utc_now) -> None:
        self._source = source
        self._offset = timedelta()
        self._frozen = at

    @property
    def frozen(self) -> bool:
        return self._frozen is not None

    def now(self) -> datetime:
        return self._frozen if self._frozen is not None else self._source() + self._offset

    def advance(self, by: timedelta) -> datetime:
        if self._frozen is not None:
            self._frozen += by
        else:
            self._offset += by
        return self.now()

    def set(self, to: datetime) -> datetime:
        return self.advance(to - self.now())

    def freeze(self) -> None:
        self._frozen = self.now()

    def thaw(self) -> None:
        """Let the clock run from its present moment."""
        if self._frozen is not None:
            self._offset = self._frozen - self._source()
            self._frozen = None


def milliseconds(at: datetime) -> int:
    """Return Unix time in whole milliseconds, without the rounding of float seconds."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def moment(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
