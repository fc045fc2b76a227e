"""The rate budget in a file, for processes beside which no service runs."""

import multiprocessing
import stat
import time

import pytest

from bridge.integr8.errors import BudgetUnavailable
from bridge.integr8.file_budget import FileBudget
from bridge.integr8.rate_budget import acquire
from bridge.integr8.rate_limiter import Outcome, Priority


@pytest.fixture
def path(tmp_path):
    return tmp_path / "budget"


def test_two_of_them_share_one_budget(path):
    one, two = FileBudget(path, 2), FileBudget(path, 2)
    assert [one.ask(Priority.NORMAL, "a"), two.ask(Priority.NORMAL, "b")] == [0, 0]
    assert one.ask(Priority.NORMAL, "c") > 0
    assert two.state().in_window == 2


def test_a_pause_that_one_was_told_holds_for_the_other(path):
    FileBudget(path, 5).settle("a", Outcome.THROTTLED, 30.0)
    assert FileBudget(path, 5).state().closed_for == pytest.approx(30, abs=5)


def test_what_it_remembers_from_before_a_restart_of_the_machine_is_forgotten(path):
    FileBudget(path, 1, clock=lambda: 5000.0).ask(Priority.NORMAL, "a")
    assert FileBudget(path, 1, clock=lambda: 10.0).ask(Priority.NORMAL, "b") == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"now": 1, "slots": 3}'])
def test_a_damaged_file_begins_anew(path, text):
    path.write_text(text)
    assert FileBudget(path, 1).ask(Priority.NORMAL, "a") == 0


def test_nobody_else_reads_it(path):
    FileBudget(path, 1).ask(Priority.NORMAL, "a")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_where_it_cannot_be_written_nothing_goes_out(tmp_path):
    budget = FileBudget(tmp_path / "missing" / "budget", 1)
    with pytest.raises(BudgetUnavailable, match="until the file can be written"):
        budget.ask(Priority.NORMAL, "a")
    budget.settle("a", Outcome.ANSWERED)


def _calls(path):
    budget, moments, until = FileBudget(path, 20), [], time.monotonic() + 2
    while time.monotonic() < until:
        token = acquire(budget)
        moments.append(time.monotonic())
        budget.settle(token, Outcome.ANSWERED)
    return moments


def test_four_processes_together_never_exceed_the_limit(path):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        moments = sorted(moment for some in pool.map(_calls, [path] * 4) for moment in some)
    assert all(later - earlier > 0.99 for earlier, later in zip(moments, moments[20:], strict=False))
