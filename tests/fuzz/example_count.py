"""How hard to try: a little in the ordinary run, for minutes with `make fuzz`."""

import os

from hypothesis import settings

EXAMPLES = int(os.environ.get("FUZZ", "50"))
hard = settings(max_examples=EXAMPLES)
