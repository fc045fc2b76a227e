"""What journeys share: a supervisor for the processes of one test."""

import pytest

from bridge.cli.local.supervisor import Supervisor


@pytest.fixture
def boss():
    made = Supervisor(log=False)
    yield made
    made.stop()
