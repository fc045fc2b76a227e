"""Check the text of a rule: its names, its own tests, and conflicts with the live rules."""

from dataclasses import dataclass

from bridge.config.lookup_tables import load_all
from bridge.config.rule_names import known_names
from bridge.operations.backtest import TEXT
from bridge.operations.check import Findings
from bridge.services.container import Services
from rules.loading.cross_checks import check
from rules.loading.lint import unbounded
from rules.loading.load import load
from rules.loading.self_tests import Result, run_tests
from rules.model.errors import Problem
from rules.model.revision import Revision


@dataclass(frozen=True, slots=True)
class Checked:
    """The readable rules of a text, its errors and warnings with their places, and the result of each test."""

    revisions: tuple[Revision, ...]
    problems: tuple[Problem, ...]
    beside: tuple[str, ...]  # what is unwise only beside the live rules
    tests: tuple[Result, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(one for one in self.problems if one.severity == "error")

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(one for one in self.tests if not one.passed)


def examine(services: Services, text: str) -> Checked:
    """Check a text as if it were in a file of this home, and run its tests. Changes nothing."""
    tables, _ = load_all(services.settings.tables_dir, services.settings.tables)
    loaded = load(text, name=TEXT, environment=known_names(services.settings, tables), tests=False)
    own = {revision.id for revision in loaded.revisions}
    with services.store.read() as session:
        live = services.library.current(session).revisions.values()
    others = [revision for revision in live if revision.id not in own]
    reckless = tuple(problem for revision in loaded.revisions for problem in unbounded(revision))
    known = {str(problem) for problem in check(others)}
    together = [str(problem) for problem in check((*loaded.revisions, *others))]
    return Checked(
        revisions=loaded.revisions,
        problems=(*loaded.problems, *reckless),
        beside=tuple(line for line in together if line not in known),
        tests=tuple(result for revision in loaded.revisions for result in run_tests(revision)),
    )


def check_text(services: Services, text: str) -> Findings:
    """Check the rules of a text with the names of this home, their tests, and their relation to the live rules."""
    found = examine(services, text)
    return Findings(
        errors=(
            *(str(problem) for problem in found.errors),
            *(f"{one.test.place}: {one.message}" for one in found.failed),
        ),
        warnings=(*(str(problem) for problem in found.problems if problem.severity != "error"), *found.beside),
        rules=tuple(sorted(revision.id for revision in found.revisions)),
        tests=found.tests,
    )
