"""What journeys share: a supervisor for the processes of one test."""

import pytest
from forked import ForkingSupervisor


@pytest.fixture
def boss():
    made = ForkingSupervisor(log=False)
    yield made
    made.stop()
