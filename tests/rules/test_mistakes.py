"""One rule per mistake in `mistakes/`, beside it the whole message that we promise.

`<verbs>` and `<topics>` stand for all of them, so that a new one changes no message here.
"""

from pathlib import Path

import pytest

from rules.loading.load import load
from rules.model.spelling import listed
from rules.model.topics import FOR_RULES
from rules.model.verbs import VERBS

MISTAKES = sorted((Path(__file__).parent / "mistakes").glob("*.yaml"))


@pytest.mark.parametrize("path", MISTAKES, ids=lambda path: path.stem)
def test_a_mistake_is_named_with_its_place_and_its_remedy(environment, path):
    loaded = load(path.read_text(), name=path.name, environment=environment)
    promised = path.with_suffix(".txt").read_text()
    promised = promised.replace("<verbs>", listed(VERBS)).replace("<topics>", listed(FOR_RULES))
    assert "".join(f"{problem}\n" for problem in loaded.problems) == promised


def test_every_mistake_is_noticed():
    assert all(path.with_suffix(".txt").read_text().strip() for path in MISTAKES)
