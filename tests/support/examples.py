"""How many examples Hypothesis makes: `make quick` wants few of each, `make fuzz` thousands."""

import os

from hypothesis import settings

EXAMPLES = int(os.environ.get("EXAMPLES", "25"))


def times(factor: float) -> settings:
    """So many times the usual number, for a property whose examples are cheap, or dear."""
    return settings(max_examples=max(round(EXAMPLES * factor), 5), deadline=None)
