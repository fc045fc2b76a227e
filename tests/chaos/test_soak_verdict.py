"""What `make soak` calls flat, and what not."""

import random

from chaos.drawing import Chart, draw
from chaos.steadiness import grown, slope, slowed, uneven

DICE = random.Random(1)
SECONDS = [10.0 * number for number in range(180)]  # half an hour


def series(start, an_hour=0.0, noise=0.0):
    return [(at, start + an_hour * at / 3600 + DICE.uniform(-noise, noise)) for at in SECONDS]


def test_single_peaks_do_not_make_a_slope():
    points = series(100.0)
    points[90] = (900.0, 5000.0)
    assert slope(points) == 0.0


def test_memory_that_wanders_is_flat():
    assert grown("web", series(120.0, noise=3.0)) is None


def test_memory_that_fills_its_caches_at_first_is_flat():
    points = [(at, 120.0 + min(at, 600) / 10) for at in SECONDS]
    assert grown("web", points) is None


def test_a_leak_is_named_with_its_size():
    assert grown("web", series(120.0, an_hour=60.0, noise=3.0)).startswith("web: grows by ")


def test_a_latency_that_grows_with_the_tables_is_slower():
    assert slowed("answer", series(10.0, an_hour=200.0)) is not None


def test_a_latency_that_wanders_is_not():
    assert slowed("answer", series(10.0, noise=4.0)) is None


def test_rows_that_come_with_the_work_are_even():
    assert uneven("events", series(0.0, an_hour=100_000), series(0.0, an_hour=100_000)) is None


def test_rows_that_come_faster_than_the_work_are_not():
    rows = [(at, at * at) for at in SECONDS]
    assert uneven("events", rows, series(0.0, an_hour=100_000)) is not None


def test_the_picture_names_every_line():
    picture = draw([Chart("memory", {"web & worker": series(100.0)})])
    assert ("web &amp; worker" in picture, picture.count("<polyline")) == (True, 1)
