"""What stands under `cron` is what cronsim can find due times for; anything else is refused with what to write."""

from datetime import UTC, datetime

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from rules.language.cron import problem, warning

START = datetime(2026, 1, 1, tzinfo=UTC)
field = st.text(alphabet="0123456789*/,-LW#?٣ monsufrijade", min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ("@daily", "write 0 0 * * *"),
        ("hourly", "write 0 * * * *"),
        ("0 9 * * mon-sun", "write 0 9 * * *"),
        ("0 9 * * fri-mon", "write 0 9 * * 5,6,0,1"),
        ("0 0 12 ? * MON-FRI", "write 0 12 * * mon-fri"),
        ("0 0/15 9 ? * 2-6 2026", "write 0/15 9 * * 1-5"),
        ("0 12 ? * mon", "write 0 12 * * mon"),
        ("Mon..Fri *-*-* 09:00:00", "write 0 9 * * mon-fri"),
        ("*-*-* 04:30", "write 30 4 * * *"),
        ("0 0 31 4,6 *", "day '31' never comes in month '4,6'; change one of the two"),
        ("0 0 30 2 *", "day '30' never comes in month '2'; change one of the two"),
        ("\u0660 0 * * *", "'\u0660' is not a minute (0 to 59)"),
        ("0 25 * * *", "'25' is not an hour (0 to 23)"),
        ("0 6 * *", "has five fields"),
        ("0 0 10 ? * 6L", "write 0 10 * * 5L"),  # Quartz counts Sunday as 1: this is the last Friday
        ("0 15 10 ? * 6#3", "write 15 10 * * 5#3"),
        ("0 0 10 ? * L", "write 0 10 * * 6"),
        ("0 0 10 ? * 2-6/2", "write 0 10 * * 1-5/2"),
        ("cron(0 10 ? * 2-6 *)", "write 0 10 * * 1-5"),
        ("@every 15m", "write trigger: {every: 15m}"),
        ("every 5 minutes", "write trigger: {every: 5m}"),
        ("rate(5 minutes)", "write trigger: {every: 5m}"),
        ("R/PT15M", "write trigger: {every: 15m}"),
        ("*-*-01 00:00:00", "write 0 0 1 * *"),
        ("*-12-24 18:00", "write 0 18 24 12 *"),
        ("mon 09:00 Europe/Berlin", "write 0 9 * * mon, and the zone of Europe/Berlin as tz"),
        ("Mon-Fri 9:00", "write 0 9 * * mon-fri"),
        ("@quarterly", "write 0 0 1 1,4,7,10 *"),
        ("TZ=Europe/Berlin 0 6 * * *", "write 0 6 * * *, and the zone of Europe/Berlin as tz"),
        ("CRON_TZ=UTC 0 6 * * 1", "write 0 6 * * 1, and the zone of UTC as tz"),
        ("@daily Europe/Berlin", "write 0 0 * * *, and the zone of Europe/Berlin as tz"),
        ("@every 1h30m", "write trigger: {every: 1h30m}"),
        ("PT15M", "write trigger: {every: 15m}"),
        ("15m", "write trigger: {every: 15m}"),
        ("*/30 * * * * *", "write trigger: {every: 30s}"),
        ("0 6 ? * 2", "write 0 6 * * 2 where 1 is Monday, or 0 6 * * 1 where 1 is Sunday, as in Quartz"),
        ("30 0 6 * * 1-5", "write 0 6 * * 1-5 where 1 is Monday, or 0 6 * * 0-4 where 1 is Sunday"),
        ("0 30 6 * * *", "write 30 6 * * *"),
        ("H/15 * * * *", "write */15 * * * *"),
        ("0 6 * * monday", "write 0 6 * * mon"),
        ("0 6 1 january *", "write 0 6 1 jan *"),
    ],
)
def test_a_spelling_of_elsewhere_is_refused_with_the_form_to_write(written, remedy):
    assert remedy in (problem(written) or "")


@given(st.one_of(st.text(max_size=30), st.lists(field, min_size=5, max_size=7).map(" ".join)))
def test_whatever_is_taken_has_due_times(written):
    if problem(written) is None:
        assert next(CronSim(" ".join(written.split()), START)) > START


@pytest.mark.parametrize(
    ("written", "said"),
    [("0 6 */2 * mon", "write 1-31/2"), ("0 6 1 * */2", "write 0-6/2"), ("0 6 1 * mon", None), ("0 6 */2 * *", None)],
)
def test_a_step_beside_another_day_is_doubtful(written, said):
    assert (said or "") in (warning(written) or "")
    assert (said is None) == (warning(written) is None)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("*/25 * * * *", "the last gap is 10 minutes; for even gaps write every: 25m"),
        ("*/90 * * * *", "this is once in each hour; for even gaps write every: 90m"),
        ("0-59/7 * * * *", "the last gap is 4 minutes"),
        ("0 */5 * * *", "the last gap is 4 hours; for even gaps write every: 5h"),
        *(("*/15 * * * *", None), ("*/60 * * * *", None), ("0 */6 * * *", None), ("5-50/25 * * * *", None)),
    ],
)
def test_a_step_that_does_not_divide_its_hour_or_day_is_doubtful(written, said):
    assert (said or "") in (warning(written) or "")
    assert (said is None) == (warning(written) is None)
