"""What every rule must do in the running service, whatever it is about: run without an error, be explained and shown.

A module of such tests makes one network, lives through its story once, and asks it many questions.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from console_users import Browser
from network import YAML, Network
from structlog.processors import format_exc_info
from structlog.testing import capture_logs
from used_network import signed_in

from bridge.decisions import subjects
from bridge.operations.explain import explain, parse_subject
from bridge.store.ledger import Effect, StoredPlan
from bridge.store.runs import Run, StoredVerdict

BAD = frozenset({"error", "critical"})


@dataclass
class Story:
    """A network, what it wrote into the log at error level, and questions about one rule of it."""

    network: Network
    errors: list[Any] = field(default_factory=list)
    _browser: Browser | None = None

    @contextmanager
    def lived(self) -> Iterator[None]:
        """Time in which the log is listened to."""
        with capture_logs(processors=[format_exc_info]) as lines:
            yield
        self.errors += [line for line in lines if line["log_level"] in BAD]

    def work(self, **much: float) -> None:
        with self.lived():
            self.network.pass_time(**much)
            self.network.work()

    def runs(self, rule: str) -> list[Run]:
        return [one for one in self.network.all(Run) if one.rule_id == rule]

    def verdicts(self, rule: str) -> dict[str, StoredVerdict]:
        """The newest row of each subject."""
        numbers = {one.id for one in self.runs(rule)}
        return {one.subject: one for one in self.network.all(StoredVerdict) if one.run_id in numbers}

    def effects(self, rule: str) -> list[Effect]:
        return [one for one in self.network.all(Effect) if one.rule_id == rule]

    def stops(self, rule: str) -> list[tuple[str, str]]:
        """(guard, sentence) of everything that held the rule back."""
        plans = [one for one in self.network.all(StoredPlan) if one.rule_id == rule]
        return [(stop["guard"], stop["message"]) for one in plans for stop in one.stops]

    def check_runs(self, rule: str) -> None:
        """No run of the rule ended with an error."""
        assert {one.outcome for one in self.runs(rule)}.isdisjoint({"error"}), [one.error for one in self.runs(rule)]

    def explained(self, rule: str, subject: str) -> str:
        """The explanation as people read it, by the service and on its page."""
        found = explain(self.network.services, rule, parse_subject(subject), now=self.network.now)
        page = self.browser.open(f"/explain?rule={rule}&subject={subject}")
        assert found.verdict.answer.word.replace("_", " ") in page
        return found.text

    def check_pages(self, rule: str, *items: str) -> None:
        """The console shows the rule, its newest run and these items (`offer/1001`), each with the rule's name."""
        for path in (f"/rules/{rule}", f"/runs/{self.runs(rule)[-1].id}", *(f"/items/{one}" for one in items)):
            assert rule in self.browser.open(path), path

    @property
    def browser(self) -> Browser:
        if self._browser is None:
            self._browser = signed_in(self.network)
        return self._browser


def named(kind: str, identity: object) -> str:
    """A subject as text: `offer=1001`."""
    return subjects.dump(parse_subject(f"{kind}={identity}"))


@contextmanager
def story(place: Path, database_url: str, now: datetime, *, yaml: str = YAML) -> Iterator[Story]:
    """A network of one's own."""
    with pytest.MonkeyPatch.context() as patch:
        made = Network(place / "home", database_url, now, patch, yaml=yaml)
        try:
            yield Story(made)
        finally:
            made.close()


@pytest.fixture(scope="module")
def new_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Makes a new, migrated database of a kind, `sqlite` or `postgresql`, and returns its address."""

    def make_one(kind: str) -> str:
        if kind == "postgresql":
            return str(request.getfixturevalue("postgres")())
        path = tmp_path_factory.mktemp("database") / "bridge.db"
        path.write_bytes(request.getfixturevalue("sqlite_template").read_bytes())
        return f"sqlite:///{path}"

    return make_one
