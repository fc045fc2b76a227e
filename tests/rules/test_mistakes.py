"""One rule per mistake in `mistakes/`, beside it the whole message that we promise."""

from pathlib import Path

import pytest

from rules.loading.load import load

MISTAKES = sorted((Path(__file__).parent / "mistakes").glob("*.yaml"))


@pytest.mark.parametrize("path", MISTAKES, ids=lambda path: path.stem)
def test_a_mistake_is_named_with_its_place_and_its_remedy(environment, path):
    loaded = load(path.read_text(), name=path.name, environment=environment)
    assert "".join(f"{problem}\n" for problem in loaded.problems) == path.with_suffix(".txt").read_text()


def test_every_mistake_is_noticed():
    assert all(path.with_suffix(".txt").read_text().strip() for path in MISTAKES)
