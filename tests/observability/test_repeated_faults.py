"""A fault that repeats does not fill the log."""

import logging

import pytest
import redis
import structlog

from bridge.observability.repeats import LONGEST, Filter, Processor, Repeats


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def write(clock):
    processor = Processor(Repeats(clock))

    def written(**event):
        try:
            return processor(None, event.pop("method", "warning"), {"event": "wake-up lost", **event})
        except structlog.DropEvent:
            return None

    return written


def test_six_minutes_of_one_fault_are_a_dozen_lines_with_all_their_number(write, clock):
    lines = []
    for _ in range(82_000):
        lines.append(write(error="OutOfMemoryError: used 1000"))
        clock.now += 360 / 82_000
    written = [line for line in lines if line]
    assert len(written) < 12
    assert sum(line.get("repeated", 0) for line in written) > 40_000


def test_another_fault_is_written_at_once(write):
    assert write(error="one")
    assert write(error="two")
    assert not write(error="one")


def test_numbers_make_no_other_fault(write):
    assert write(error="port 41231 refused")
    assert not write(error="port 41232 refused")


def test_what_comes_back_after_a_long_while_is_new(write, clock):
    write(error="one")
    clock.now += 3 * LONGEST
    assert write(error="one") == {"event": "wake-up lost", "error": "one"}


@pytest.mark.parametrize("event", [{"method": "info", "error": "x"}, {"method": "warning"}])
def test_what_is_no_fault_is_always_written(write, event):
    assert write(**event)
    assert write(**event)


def _record(error=None, message="cannot connect", name="kombu"):
    try:
        if error is not None:
            raise error
    except type(error) as raised:
        return logging.LogRecord(name, logging.ERROR, "", 0, message, (), (type(raised), raised, raised.__traceback__))
    return logging.LogRecord(name, logging.ERROR, "", 0, message, (), None)


@pytest.mark.parametrize(("error", "shown"), [(redis.OutOfMemoryError("full"), False), (ValueError("a fault"), True)])
def test_where_a_full_redis_was_noticed_is_not_written(clock, error, shown):
    record = _record(error)
    assert Filter(Repeats(clock)).filter(record)
    assert (record.exc_info is not None) is shown


def test_a_traceback_stands_with_the_first_line_only(clock):
    held, records = Filter(Repeats(clock)), []
    for _ in range(30):
        record = _record(ValueError("a fault"))
        records += [record] if held.filter(record) else []
        clock.now += 0.4
    assert [record.exc_info is not None for record in records] == [True, *[False] * (len(records) - 1)]
    assert len(records) > 3


def test_the_stack_in_a_message_of_beat_is_left_out(clock):
    record = _record(message="Message Error: full\n['  File \"x.py\", line 1']", name="celery.beat")
    assert Filter(Repeats(clock)).filter(record)
    assert record.getMessage() == "Message Error: full"


def test_libraries_are_held_back_as_well(clock):
    held = Filter(Repeats(clock))
    record = logging.LogRecord("kombu", logging.ERROR, "", 0, "cannot connect: %s", ("x",), None)
    assert [held.filter(record) for _ in range(3)] == [True, False, False]
    clock.now += 2
    assert held.filter(record)
    assert record.getMessage() == "cannot connect: x (repeated 2 times)"
