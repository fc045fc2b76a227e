"""Check a home directory: find what is wrong, with its place. Nothing is changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bridge.config import rules_directory, settings
from bridge.config.errors import SettingsError
from bridge.config.login import LoginSettingsError, oidc
from bridge.config.settings import Settings
from bridge.sources import SourceSettingsError, build
from rules.loading.lint import conditions, unbounded
from rules.loading.self_tests import Result
from rules.model import metrics, tree
from rules.model.revision import Revision, Webhook
from rules.model.syntax import Place

NO_ADDRESS = (
    "login.oidc: public_url is missing; behind a proxy, the provider would send people back to the wrong address"
)


@dataclass(frozen=True, slots=True)
class Findings:
    """The errors, the warnings, and the usable rules. `tests` only for a text."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    tests: tuple[Result, ...] = ()
    database: bool = False  # whether there is one that may use names which are gone
    places: Mapping[str, Place] = field(default_factory=dict)  # of those lines that stand for a problem of a rule
    costs: tuple[str, ...] = ()  # what each rule will cost and wrote, where that was asked for


def check_home(directory: Path | None) -> Findings:
    """Check bridge.yaml, every rule with its tests, and every table of a directory; BRIDGE_HOME for None."""
    try:
        found = settings.load(directory)
    except SettingsError as error:
        return Findings(tuple(error.problems))
    errors, warnings = _entries(found)
    warnings = [*found.warnings, *warnings]
    reading = rules_directory.read(found)
    problems = [*sorted(reading.problems), *(one for revision in reading.revisions for one in unbounded(revision))]
    for problem in problems:
        (errors if problem.severity == "error" else warnings).append(str(problem))
    warnings += [line for revision in reading.revisions for line in _asks_a_list(revision, found)]
    warnings += [line for revision in reading.revisions for line in _lacks_impressions(revision, found)]
    rules = tuple(revision.id for revision in reading.revisions)
    places = {str(problem): problem.place for problem in problems}
    return Findings(tuple(errors), tuple(warnings), rules, database=_has_database(found), places=places)


def refuse_unusable(found: Settings) -> None:
    """Check the settings at the start of a process.

    Raises SettingsError with every problem of sources, channels, `http:` and `login:`.
    """
    errors, _ = _entries(found)
    if errors:
        raise SettingsError(errors)


def _has_database(found: Settings) -> bool:
    file = found.database_url.removeprefix("sqlite:///").partition("?")[0]
    return not found.database_url.startswith("sqlite") or Path(file).is_file()


def _asks_a_list(revision: Revision, found: Settings) -> list[str]:
    """Return sources whose events change since 0.1.0.

    It kept a list as one event under `items`; now the list is split without `split: never`.
    """
    trigger = revision.trigger
    if not isinstance(trigger, Webhook) or "body.items" not in revision.text:
        return []
    if "split" in found.sources.get(trigger.source, {}):
        return []
    words = "asks for body.items; a body that is a list is now one event for each item, whose fields stand in body"
    return [f"{revision.place}: {words}; write split: never at the source {trigger.source} to keep the list"]


def _lacks_impressions(revision: Revision, found: Settings) -> list[str]:
    """Return rules that count impressions of an account that does not read them: no verdict of them is decided."""
    account = found.accounts.get(revision.account)
    if account is None or account.poll.get("impressions") or "impressions" not in _base_metrics(revision):
        return []
    words = f"needs impressions, which the account {account.name} does not read, so without an import it never decides"
    return [f"{revision.place}: {words}; write accounts.{account.name}.poll: {{impressions: 300}}"]


def _base_metrics(revision: Revision) -> set[str]:
    """Return the base metrics that `when`, `unless` and `release.early` count."""
    found = [item for group in (revision.when, revision.unless, revision.release.early) for item in conditions(group)]
    names = [node.name for item in found for node in item.tree.walk() if isinstance(node, tree.Metric)]
    return {part for name in names for part in (name, *metrics.parts(name))}


def _entries(found: Settings) -> tuple[list[str], list[str]]:
    """Return errors and warnings of bridge.yaml."""
    errors, warnings = [], []
    for name, entry in found.sources.items():
        try:
            made = build(name, entry, trusted_proxies=found.trusted_proxies, public_url=found.public_url)
            warnings += [found.places.located(f"bridge.yaml: {line}") for line in made.warnings]
        except SourceSettingsError as error:
            errors += [found.problem(path, words) for path, words in error.problems]
    if found.channels:
        errors += _channels(found)
        warnings += _event_names(found)
    if found.http:
        errors += _http(found)
    try:
        if oidc(found.login, found.home) and not found.public_url:
            warnings.append(found.places.located(f"bridge.yaml: {NO_ADDRESS}"))
    except LoginSettingsError as error:
        errors += [found.problem(path, words) for path, words in error.problems]
    return errors, warnings


def _event_names(found: Settings) -> list[str]:
    from bridge.outbound.channels import name_warning  # noqa: PLC0415 - loads httpx, only if wanted

    said = {name: name_warning(entry) for name, entry in found.channels.items()}
    return [found.places.located(f"bridge.yaml: channels.{name}: {words}") for name, words in said.items() if words]


def _channels(found: Settings) -> list[str]:
    from bridge.outbound.channels import ChannelSettingsError, channel  # noqa: PLC0415 - loads httpx, only if wanted

    errors: list[str] = []
    for name, entry in found.channels.items():
        try:
            channel(name, entry)
        except ChannelSettingsError as error:
            errors += [found.problem(path, words) for path, words in error.problems]
    return errors


def _http(found: Settings) -> list[str]:
    from bridge.outbound.http import HttpSettingsError, http_policy  # noqa: PLC0415 - loads httpx, only if wanted

    try:
        http_policy(found.http)
    except HttpSettingsError as error:
        return [found.problem(path, words) for path, words in error.problems]
    return []
