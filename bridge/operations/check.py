"""What is wrong with a home directory, or with the text of a rule: findings with their places, nothing changed."""

from dataclasses import dataclass
from pathlib import Path

from bridge.config import rulebook, settings
from bridge.config.errors import SettingsError
from bridge.config.login import LoginSettingsError, oidc
from bridge.config.lookup_tables import load_all
from bridge.config.settings import Settings
from bridge.operations.backtest import TEXT
from bridge.outbound.channels import ChannelSettingsError, channel
from bridge.services.container import Services
from bridge.sources import SourceSettingsError, build
from rules.loading.cross_checks import check
from rules.loading.load import load
from rules.loading.self_tests import Result, run_tests

NO_ADDRESS = (
    "login.oidc: public_url is missing; behind a proxy, the provider would send people back to the wrong address"
)


@dataclass(frozen=True, slots=True)
class Findings:
    """What has to be mended, what is only unwise, and the rules that can be used. `tests` only of a text."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    tests: tuple[Result, ...] = ()


def check_home(directory: Path | None) -> Findings:
    """bridge.yaml, every rule with its tests, every table of a directory; BRIDGE_HOME for None."""
    try:
        found = settings.load(directory)
    except SettingsError as error:
        return Findings(tuple(error.problems))
    errors, warnings = _entries(found)
    reading = rulebook.read(found)
    for problem in sorted(reading.problems):
        (errors if problem.severity == "error" else warnings).append(str(problem))
    return Findings(tuple(errors), tuple(warnings), tuple(revision.id for revision in reading.revisions))


def _entries(found: Settings) -> tuple[list[str], list[str]]:
    """Errors and warnings of bridge.yaml."""
    errors, warnings = [], []
    for name, entry in found.sources.items():
        try:
            warnings += [f"bridge.yaml: {line}" for line in build(name, entry).warnings]
        except SourceSettingsError as error:
            errors += [f"bridge.yaml: {path}: {words}" for path, words in error.problems]
    for name, entry in found.channels.items():
        try:
            channel(name, entry)
        except ChannelSettingsError as error:
            errors += [f"bridge.yaml: {path}: {words}" for path, words in error.problems]
    try:
        if oidc(found.login) and not found.public_url:
            warnings.append(f"bridge.yaml: {NO_ADDRESS}")
    except LoginSettingsError as error:
        errors += [f"bridge.yaml: {path}: {words}" for path, words in error.problems]
    return errors, warnings


def check_text(services: Services, text: str) -> Findings:
    """The rules of a text with the names of this home, each test of theirs, and how they go with the live rules."""
    tables, _ = load_all(services.settings.tables_dir)
    loaded = load(text, name=TEXT, known=rulebook.known(services.settings, tables), tests=False)
    own = {revision.id for revision in loaded.revisions}
    with services.store.read() as session:
        live = services.library.current(session).revisions.values()
    others = [revision for revision in live if revision.id not in own]
    tests = tuple(result for revision in loaded.revisions for result in run_tests(revision))
    failed = [f"{one.test.place}: {one.message}" for one in tests if not one.passed]
    known = {str(problem) for problem in check(others)}
    together = [str(problem) for problem in check((*loaded.revisions, *others))]
    return Findings(
        errors=(*(str(problem) for problem in loaded.errors), *failed),
        warnings=(
            *(str(problem) for problem in loaded.problems if problem.severity != "error"),
            *(line for line in together if line not in known),
        ),
        rules=tuple(sorted(own)),
        tests=tests,
    )
