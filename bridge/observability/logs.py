"""Logs: one line per event, with secrets hidden and e-mail addresses hashed."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog

from bridge.observability.log_scrubbing import scrub
from bridge.observability.repeats import Filter, Processor, Repeats


def _scrub_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in list(event):
        event[key] = scrub(event[key], key)
    return event


def set_up_logs(
    style: str = "console", *, process: str, level: int = logging.INFO, colours: bool | None = None
) -> None:
    """Write one line per event, for people (`console`) or programs (`json`), to standard error.

    For people the time is short and the process is left out, because a supervisor marks the lines.
    """
    people = style != "json"
    repeats, stream = Repeats(), _StandardError()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if people else "iso", utc=True),
        structlog.processors.format_exc_info,
        _scrub_event,
    ]
    last: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty() if colours is None else colours, pad_event_to=22, sort_keys=False
        )
        if people
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[Processor(repeats), *shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, stream)),
        cache_logger_on_first_use=True,
    )
    if not people:
        structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler(stream)
    handler.addFilter(_say_errors)
    handler.addFilter(Filter(repeats))
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[_drop_meta, last], foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


class _StandardError:
    """Standard error at the time when a line is written.

    Loggers are kept as long as the process lives. A caller may replace the stream of a command for a while and close
    it; a kept logger would then write into a closed file.
    """

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


class _Said(str):
    """The text of an error, even if a message asks for its `repr`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _say_errors(record: logging.LogRecord) -> bool:
    """Show errors in messages of libraries by name and text. The `repr` of redis-py's errors leaves the text out."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            _Said(f"{type(one).__name__}: {one}") if isinstance(one, BaseException) else one for one in record.args
        )
    return True


def _drop_meta(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(logger, method, event)


def for_people() -> bool:
    """Return True if lines are written for people, not for programs."""
    last = structlog.get_config()["processors"][-1]
    return isinstance(last, structlog.dev.ConsoleRenderer)
