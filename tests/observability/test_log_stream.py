"""Log lines go where standard error leads when they are written."""

import io
import logging
from contextlib import redirect_stderr

import structlog

from bridge.observability.logs import set_up_logs


def test_who_lends_a_stream_for_a_while_and_closes_it_stops_no_logger(capsys):
    log, library = structlog.get_logger(), logging.getLogger("some.library")
    with redirect_stderr(io.StringIO()) as lent:
        set_up_logs(process="test")
        log.error("first of ours")
        library.error("first of theirs")
        assert [word in lent.getvalue() for word in ("first of ours", "first of theirs")] == [True, True]
    lent.close()
    log.error("second of ours")
    library.error("second of theirs")
    said = capsys.readouterr().err
    assert [word in said for word in ("second of ours", "second of theirs", "first")] == [True, True, False]
