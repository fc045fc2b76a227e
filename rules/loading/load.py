"""Load YAML to revisions. Strict, and total: whatever the text is, the result is revisions and located problems.

Each document of a file stands for itself: one that is wrong gives problems and leaves its neighbours alone. All
problems of a document are told at once. What is only unwise is a warning; then there is a revision as well.
"""

from dataclasses import dataclass, replace
from typing import Any, cast

from marshmallow import ValidationError

from rules.language import actions, canonical, conditions, loss_limit
from rules.language.fields import Amounts, Findings, StrictSchema, Text, Word, Words, length, read, spelled
from rules.language.inhibits import inhibits
from rules.language.names import AvailableNames
from rules.language.sections import ApproveSchema, DataSchema, GuardsSchema, HeaderSchema, NotifySchema
from rules.language.strict_yaml import Branch, Document, Leaf, Node, Table, data, documents
from rules.language.triggers import available_names, scope, trigger
from rules.loading import lint
from rules.model.environment import Environment
from rules.model.errors import Problem
from rules.model.revision import (
    Action,
    Approve,
    Budget,
    Data,
    For,
    Group,
    Guards,
    Inhibits,
    Mode,
    Notify,
    Quiet,
    Release,
    Revision,
    Scope,
    Test,
    Trigger,
)
from rules.model.spelling import did_you_mean, listed
from rules.model.syntax import Place

__all__ = ["Environment", "Loaded", "load"]

MAX_DOCUMENTS = 500
SECTIONS = (
    "schema",
    "id",
    "title",
    "owner",
    "note",
    "mode",
    "priority",
    "account",
    "integration",
    "trigger",
    "scope",
    "data",
    "when",
    "unless",
    "lose_at_most",
    "then",
    "inhibits",
    "release",
    "guards",
    "approve",
    "notify",
    "on_failure",
    "tests",
)
_HEADER = frozenset({"schema", "id", "title", "owner", "note", "mode", "priority", "account", "integration"}) | {
    "on_failure"
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """The content of a file: the usable rules, and all errors and warnings."""

    revisions: tuple[Revision, ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == "error")


def load(text: str, *, name: str, environment: Environment, tests: bool | None = True) -> Loaded:
    """Read all rules of a file. `name` is the file's name for messages; never raises for a bad text.

    A rule whose own tests fail is not among the revisions. With `tests` false they are read and not run; with None they
    are ignored, as in a revision that was loaded with them before.
    """
    revisions: list[Revision] = []
    problems: list[Problem] = []
    for count, document in enumerate(documents(text, name)):
        if count >= MAX_DOCUMENTS:
            problems.append(Problem(document.place, f"more than {MAX_DOCUMENTS} rules in one file; split it"))
            break
        findings = Findings(document.problems)
        revision = (
            _Rule(document, environment, findings, tests=tests is not None).revision()
            if document.root is not None
            else None
        )
        _refuse_twins(revision, revisions, findings)
        if revision is not None and tests and not findings.fatal:
            from rules.loading import self_tests

            findings.extend(self_tests.failures(revision))
        problems.extend(sorted(findings))
        if revision is not None and not findings.fatal:
            revisions.append(revision)
    return Loaded(tuple(revisions), tuple(problems))


def _refuse_twins(revision: Revision | None, before: list[Revision], findings: Findings) -> None:
    twin = next((other for other in before if revision and other.id == revision.id), None)
    if revision and twin:
        findings.error(revision.place, f"a second rule with the id '{revision.id}'; the first is at {twin.place}")


class _Rule:
    """Reads one document, section by section; every section is read even if another is wrong."""

    def __init__(self, document: Document, environment: Environment, findings: Findings, *, tests: bool) -> None:
        self.document = document
        self.tests = tests
        self.environment = environment
        self.findings = findings

    def revision(self) -> Revision | None:
        root = self.document.root
        if not isinstance(root, Table):
            self.findings.error(self.document.place, "a rule is a mapping that begins with schema: 1 and id: ...")
            return None
        for key, place in root.keys.items():
            if key not in SECTIONS:
                self.findings.error(place, f"unknown key '{key}'{did_you_mean(key, SECTIONS)}")
        header = self._header(root)
        self._check_account(root, header)
        data_section = self._data(root, header)
        trigger_ = self._trigger(root, data_section)
        target = actions.first_target(root.entries.get("then"))
        scope_ = scope(root.entries.get("scope"), trigger_, self.environment, self.findings, target=target)
        parts = self._settings(root, data_section)
        if scope_ is not None:  # else every name would be called unknown
            available = available_names(trigger_, scope_, self.environment)
            parts |= {**self._asking(root, available), "then": self._then(root, available)}
            parts["inhibits"] = self._inhibits(root, trigger_, scope_, parts["lasting"])
        account = header["account"] if header else "main"
        parts["lose_at_most"] = loss_limit.loss_limit(
            root.entries.get("lose_at_most"), account, self.environment, self.findings
        )
        if self.findings.fatal or trigger_ is None or header is None or scope_ is None:
            return None
        revision = Revision(
            **header,
            **parts,
            hash="",
            text=self.document.text.strip("\n"),
            place=root.place,
            trigger=trigger_,
            scope=scope_,
            data=data_section,
        )
        for words in loss_limit.unfit(revision):
            self.findings.error(root.keys["lose_at_most"], words)
        self.findings.extend(lint.findings(revision, root))
        if self.tests:
            from rules.loading import self_tests

            self.findings.extend(self_tests.unknown_keys(revision))
        return replace(revision, hash=canonical.digest(revision))

    def _header(self, root: Table) -> dict[str, Any] | None:
        entries = {key: node for key, node in root.entries.items() if key in _HEADER}
        keys = {key: root.keys[key] for key in entries}
        found = read(HeaderSchema(), Table(root.place, entries, keys), self.findings)
        return {**found, "mode": Mode(found["mode"])} if found else None

    def _check_account(self, root: Table, header: dict[str, Any] | None) -> None:
        known = self.environment.accounts
        if header and known is not None and header["account"] not in known:
            place = root.entries["account"].place if "account" in root.entries else root.place
            hint = did_you_mean(header["account"], known) or f" (bridge.yaml has {listed(sorted(known))})"
            self.findings.error(place, f"there is no account '{header['account']}'{hint}")

    def _data(self, root: Table, header: dict[str, Any] | None) -> Data:
        zone = self.environment.timezones.get(header["account"] if header else "main", "UTC")
        node = root.entries.get("data")
        found = read(DataSchema(), node, self.findings) if node is not None else None
        if found is None:
            return Data(tz=zone)
        given = node.keys if isinstance(node, Table) else {}
        return cast("Data", found if "tz" in given else replace(found, tz=zone))

    def _trigger(self, root: Table, data_section: Data) -> Trigger | None:
        node = root.entries.get("trigger")
        if node is None:
            self.findings.error(
                root.place, "'trigger' is missing; say when to evaluate the rule, such as trigger: {every: 15m}"
            )
            return None
        return trigger(node, data_section.tz, self.environment, self.findings)

    def _asking(self, root: Table, available: AvailableNames) -> dict[str, Any]:
        when, lasting = self._when(root.entries.get("when"), available)
        unless = root.entries.get("unless")
        return {
            "when": when,
            "lasting": lasting,
            "unless": None if unless is None else conditions.group(unless, available, self.findings, listed_as="any"),
            "release": self._release(root.entries.get("release"), available),
        }

    def _when(self, node: Node | None, available: AvailableNames) -> tuple[Group | None, For | None]:
        if not isinstance(node, Table):
            return (conditions.group(node, available, self.findings) if node is not None else None), None
        lasting = self._lasting(node.entries["for"]) if "for" in node.entries else None
        rest = {key: value for key, value in node.entries.items() if key != "for"}
        keys = {key: node.keys[key] for key in rest}
        return conditions.group(Table(node.place, rest, keys), available, self.findings), lasting

    def _lasting(self, node: Node) -> For | None:
        raw = node.value if isinstance(node, Leaf) else None
        count, _, unit = raw.partition(" ") if isinstance(raw, str) else ("", "", "")
        if unit in {"check", "checks"} and count.isdecimal() and 1 <= int(count) <= 1_000:
            return For(checks=int(count))
        span = length(raw)
        if not span:
            self.findings.error(
                node.place, f"{spelled(data(node))} says neither how often nor how long; write 2 checks or 30m"
            )
            return None
        return For(duration=span)

    def _release(self, node: Node | None, available: AvailableNames) -> Release:
        if node is None:
            return Release()
        if not isinstance(node, Table):
            self.findings.error(node.place, "`release` holds early and probation")
            return Release()
        for key, place in node.keys.items():
            if key not in {"early", "probation"}:
                self.findings.error(place, f"unknown key '{key}'{did_you_mean(key, ('early', 'probation'))}")
        early = node.entries.get("early")
        probation = read(_ReleaseSchema(), _only(node, "probation"), self.findings) or {}
        return Release(
            early=conditions.group(early, available, self.findings) if early is not None else None,
            probation=probation.get("probation", {}),
        )

    def _then(self, root: Table, available: AvailableNames) -> tuple[Action, ...]:
        then = root.entries.get("then")
        if then is None and "inhibits" in root.entries:
            return ()
        if then is None:
            self.findings.error(root.place, "'then' is missing; say what to do, such as then: [{pause: offer}]")
            return ()
        return actions.actions(then, available, self.environment, self.findings)

    def _inhibits(self, root: Table, trigger_: Trigger | None, scope_: Scope, lasting: For | None) -> Inhibits | None:
        node = root.entries.get("inhibits")
        return None if node is None else inhibits(node, (trigger_, scope_), lasting, self.findings)

    def _settings(self, root: Table, data_section: Data) -> dict[str, Any]:
        guards = self._section(root, "guards", GuardsSchema()) or Guards()
        zone = data_section.tz
        guards = replace(guards, budgets=self._budgets(root, guards.budgets))
        return {
            "guards": replace(guards, quiet=_zoned(guards.quiet, zone), active=_zoned(guards.active, zone)),
            "approve": self._section(root, "approve", ApproveSchema()) or Approve(),
            "notify": self._notify(root),
            "tests": self._tests(root),
        }

    def _budgets(self, root: Table, named: tuple[Budget, ...]) -> tuple[Budget, ...]:
        """Return the limits of these budgets in bridge.yaml."""
        known = self.environment.budgets
        found = []
        for one in named if known is not None else ():
            if one.name in (known or {}):
                found.append((known or {})[one.name])
                continue
            guards = root.entries["guards"]
            hint = did_you_mean(one.name, known or ()) or f" (bridge.yaml has {listed(sorted(known or ()))})"
            self.findings.error(
                cast("Table", guards).entries["budgets"].place, f"there is no budget '{one.name}'{hint}"
            )
        return tuple(found) if known is not None else named

    def _section(self, root: Table, name: str, schema: StrictSchema) -> Any:
        node = root.entries.get(name)
        return read(schema, node, self.findings) if node is not None else None

    def _notify(self, root: Table) -> tuple[Notify, ...]:
        node = root.entries.get("notify")
        if node is None:
            return ()
        items = node.items if isinstance(node, Branch) else (node,)
        found = []
        for item in items:
            notice = read(NotifySchema(), item, self.findings)
            if notice is not None:
                self._check_channels(item, notice.to)
                found.append(notice)
        return tuple(found)

    def _check_channels(self, node: Node, channels: tuple[str, ...]) -> None:
        known = self.environment.channels
        for channel in channels:
            if known is not None and channel not in known and isinstance(node, Table):
                hint = did_you_mean(channel, known) or f" (bridge.yaml has {listed(sorted(known))})"
                self.findings.error(node.entries["to"].place, f"there is no channel '{channel}'{hint}")

    def _tests(self, root: Table) -> tuple[Test, ...]:
        node = root.entries.get("tests")
        if node is None:
            return ()
        if not isinstance(node, Branch):
            self.findings.error(node.place, "`tests` is a list of {given: {...}, expect: yes}")
            return ()
        found = [(item, read(_TestSchema(), item, self.findings)) for item in node.items]
        return tuple(_test(values, item.place) for item, values in found if values)


class _ReleaseSchema(StrictSchema):
    probation = Amounts()


class _Given(Text):
    def understood(self, value: Any) -> Any:
        if isinstance(value, dict) or (isinstance(value, list) and value and all(isinstance(v, dict) for v in value)):
            return value
        msg = f"{spelled(value)} where values such as {{clicks: 500}} are needed"
        raise ValidationError(msg)


class _Expected(Text):
    """An answer, or the content of the plan."""

    def understood(self, value: Any) -> Any:
        return value if isinstance(value, dict) else Word("yes", "no", "no_decision").understood(value)


def _test(values: dict[str, Any], place: Place) -> Test:
    given = values.pop("given")
    first, *more = given if isinstance(given, list) else [given]
    return Test(**values, given=first, more=tuple(more), place=place)


class _TestSchema(StrictSchema):
    given = _Given(required=True)
    expect = _Expected(required=True)
    state = _Given(load_default=dict)
    effects = Words(load_default=None)
    name = Text(load_default=None)


def _only(node: Table, key: str) -> Table:
    if key not in node.entries:
        return Table(node.place, {}, {})
    return Table(node.place, {key: node.entries[key]}, {key: node.keys[key]})


def _zoned(hours: tuple[Quiet, ...], zone: str) -> tuple[Quiet, ...]:
    return tuple(item if item.tz else replace(item, tz=zone) for item in hours)
