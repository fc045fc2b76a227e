"""Check the text of a rule: its names, its own tests, and conflicts with the live rules."""

from bridge.config.lookup_tables import load_all
from bridge.config.rules_directory import environment as names_of
from bridge.operations.backtest import TEXT
from bridge.operations.check import Findings
from bridge.services.container import Services
from rules.loading.cross_checks import check
from rules.loading.lint import unbounded
from rules.loading.load import load
from rules.loading.self_tests import run_tests


def check_text(services: Services, text: str) -> Findings:
    """The rules of a text with the names of this home, each test of theirs, and how they go with the live rules."""
    tables, _ = load_all(services.settings.tables_dir, services.settings.tables)
    loaded = load(text, name=TEXT, environment=names_of(services.settings, tables), tests=False)
    own = {revision.id for revision in loaded.revisions}
    with services.store.read() as session:
        live = services.library.current(session).revisions.values()
    others = [revision for revision in live if revision.id not in own]
    tests = tuple(result for revision in loaded.revisions for result in run_tests(revision))
    failed = [f"{one.test.place}: {one.message}" for one in tests if not one.passed]
    unbounded_ones = [str(problem) for revision in loaded.revisions for problem in unbounded(revision)]
    known = {str(problem) for problem in check(others)}
    together = [str(problem) for problem in check((*loaded.revisions, *others))]
    return Findings(
        errors=(*(str(problem) for problem in loaded.errors), *unbounded_ones, *failed),
        warnings=(
            *(str(problem) for problem in loaded.problems if problem.severity != "error"),
            *(line for line in together if line not in known),
        ),
        rules=tuple(sorted(own)),
        tests=tests,
    )
