"""Read the steps of `then`: YAML nodes to Actions."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from rules.language import conditions
from rules.language.fields import Findings, hold_for, spelled
from rules.language.names import CLOCK, ENTITY_FIELDS, AvailableNames
from rules.language.renamed import current_keys
from rules.language.strict_yaml import Branch, Leaf, Node, Table
from rules.model import durations
from rules.model.environment import Environment
from rules.model.revision import DIMENSIONS, Action, Dimension, HoldFor
from rules.model.spelling import a, did_you_mean, listed, nearest
from rules.model.syntax import Template
from rules.model.verbs import VERBS, VerbSpec, stops_traffic

_HTTP_KEYS = ("url", "method", "headers", "body", "query")
HTTP_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
_OBJECTS = {"kind": "kind of thing", "operation": "operation", "channel": "channel"}
SEVERITIES = ("info", "warning", "critical")  # of a message
_RESERVED = frozenset({"body", "event", "network", *ENTITY_FIELDS, *CLOCK, *DIMENSIONS})
WRITABLE: Mapping[str, frozenset[str]] = {
    **{kind: known - {"id", "created_at", "updated_at"} for kind, known in ENTITY_FIELDS.items()},
    "user": frozenset(
        [
            "api_access_enabled",
            "city",
            "country",
            "email",
            "first_name",
            "is_advertiser_manager",
            "is_publisher_manager",
            "last_name",
            "password",
            "phone",
            "publisher_manager_access",
            "role",
            "status",
            "timezone",
        ]
    ),
    "offer_event": frozenset(
        [
            "active",
            "allow_multiple_events",
            "description",
            "manually_approve_events",
            "name",
            "payout",
            "payout_percent",
            "payout_type",
            "revenue",
            "revenue_percent",
            "revenue_type",
        ]
    ),
    "landing_page": frozenset(["active", "hide_from_publishers", "name", "preview_url", "redirect_url"]),
}


def actions(node: Node, available: AvailableNames, environment: Environment, findings: Findings) -> tuple[Action, ...]:
    """Return all steps; each can use the named steps before it."""
    if not isinstance(node, Branch):
        findings.error(node.place, "`then` is a list of steps, such as - pause: offer")
        return ()
    found: list[Action] = []
    named: list[str] = []
    steps = [step for item in node.items for step in _spread(item, findings)]
    for number, item in enumerate(steps, 1):
        reader = _Step(replace(available, steps=tuple(named)), environment, findings)
        action = reader.read(item, str(number))
        if action is None:
            continue
        if action.id in named:
            findings.error(action.place, f"two steps have the id '{action.id}'")
        found.append(action)
        named.append(action.id)
    return tuple(found)


def _spread(node: Node, findings: Findings) -> Iterator[Node]:
    """Yield one step for each channel of `notify: [traffic, ops]`; `text` may hold a text for each."""
    channels = node.entries.get("notify") if isinstance(node, Table) else None
    if not isinstance(node, Table) or not isinstance(channels, Branch):
        yield node
        return
    if not channels.items:
        findings.error(channels.place, "`notify` names no channel; write notify: traffic or notify: [traffic, ops]")
    names = [channel.raw if isinstance(channel, Leaf) else "" for channel in channels.items]
    given = node.entries.get("with")
    texts = given.entries.get("text") if isinstance(given, Table) else None
    if isinstance(texts, Table):
        for name, place in texts.keys.items():
            if name not in names:
                findings.error(place, f"'{name}' is not a channel of this step{did_you_mean(name, names)}")
    for number, (channel, name) in enumerate(zip(channels.items, names, strict=True)):
        entries = {key: value for key, value in node.entries.items() if number == 0 or key != "id"}
        entries["notify"] = channel
        if isinstance(given, Table) and isinstance(texts, Table):
            own = texts.entries.get(name)
            if own is None:
                findings.error(texts.place, f"what is {name} told? Add {name}: ... under `text`")
                own = texts
            entries["with"] = replace(given, entries={**given.entries, "text": own})
        yield replace(node, entries=entries, keys={key: node.keys[key] for key in entries})


def first_target(node: Node | None) -> Dimension | None:
    """Return the kind of the first step that names one which a rule may be evaluated per.

    `scope: all` means all of it.
    """
    for step in node.items if isinstance(node, Branch) else ():
        entries = step.entries if isinstance(step, Table) else {}
        for verb in VERBS:
            named = entries.get(verb)
            if isinstance(named, Leaf) and named.raw in DIMENSIONS and VERBS[verb].identity == "entity":
                return named.raw
    return None


class _Step:
    """Reads one step; problems go to the findings."""

    def __init__(self, available: AvailableNames, environment: Environment, findings: Findings) -> None:
        self.available = available
        self.environment = environment
        self.findings = findings

    def read(self, node: Node, position: str) -> Action | None:
        if not isinstance(node, Table):
            self.findings.error(node.place, "a step is a mapping such as pause: offer")
            return None
        node = current_keys(node, "then", self.findings)
        verbs = [key for key in node.keys if key in VERBS]
        if len(verbs) != 1:
            self._wrong_verbs(node, verbs)
            return None
        verb = verbs[0]
        self._refuse_strangers(node, verb)
        target = self._target(node, verb)
        if target is None:
            return None
        action = Action(
            id=self._id(node, position),
            verb=verb,
            target=target,
            which=self._which(node, verb, target),
            key=self._templates(node, "key"),
            values=self._values(node, verb, target),
            hold=self._hold(node),
            deliver_secret_to=self._secret_channel(node),
            place=node.place,
        )
        self._check_complete(node, action)
        return action

    def _wrong_verbs(self, node: Table, verbs: list[str]) -> None:
        if verbs:
            self.findings.error(
                node.place, f"one step does one thing, not {listed(verbs, last='and')}; write two steps"
            )
            return
        known = {*VERBS, "id", "which", "key", "with", "hold", "deliver_secret_to"}
        stranger = next((key for key in node.keys if key not in known), None)
        hint = did_you_mean(stranger, VERBS) if stranger else ""
        if stranger is None and set(node.keys) <= {"hold", "which", "with", "key"}:
            hint = f"; '{next(iter(node.keys))}' belongs into the step itself, such as {{pause: offer, hold: 12h}}"
        place = node.keys[stranger] if stranger else node.place
        self.findings.error(place, f"a step needs one of {listed(VERBS)}{hint}")

    def _refuse_strangers(self, node: Table, verb: str) -> None:
        allowed = VERBS[verb].takes | {"id"}
        for key, place in node.keys.items():
            if key == verb or key in allowed:
                continue
            where = f" with {verb} (it takes {listed(sorted(allowed))})"
            self.findings.error(place, f"unknown key '{key}'{where}{did_you_mean(key, allowed)}")

    def _target(self, node: Table, verb: str) -> str | None:
        value = node.entries[verb]
        spec = VERBS[verb]
        if spec.object == "request":
            return ""
        if not isinstance(value, Leaf) or not isinstance(value.value, str):
            self.findings.error(value.place, f"`{verb}` names one {_OBJECTS[spec.object]}, as in {spec.example}")
            return None
        choices = self._choices(spec)
        if choices is not None and not choices:
            place = "bridge.yaml names no channel" if spec.object == "channel" else "there is none"
            self.findings.error(value.place, f"'{value.raw}' cannot follow `{verb}`: {place}")
            return None
        if choices is not None and value.raw not in choices:
            self.findings.error(
                value.place, f"'{value.raw}' cannot follow `{verb}`{self._among(value.raw, sorted(choices))}"
            )
            return None
        return value.raw

    def _choices(self, spec: VerbSpec) -> Collection[str] | None:
        if spec.object == "kind":
            return spec.targets
        return self.environment.operations if spec.object == "operation" else self.environment.channels

    def _among(self, word: str, choices: list[str]) -> str:
        if len(choices) <= 8:
            return f"; use {listed(choices)}{did_you_mean(word, choices)}"
        return did_you_mean(word, choices)

    def _id(self, node: Table, position: str) -> str:
        given = node.entries.get("id")
        if given is None:
            return position
        raw = given.raw if isinstance(given, Leaf) else ""
        if not raw.isidentifier() or not raw.isascii() or raw in _RESERVED:
            self.findings.error(given.place, "a step's id is a word such as pub, and no name that conditions know")
        return raw or position

    def _which(self, node: Table, verb: str, target: str) -> Template | None:
        given = node.entries.get("which")
        if given is not None:
            return conditions.template(given, self.available, self.findings)
        if VERBS[verb].identity == "entity" and target not in self.available.dimensions:
            self.findings.error(
                node.keys[verb], f'which {target}? The rule is not evaluated per {target}; add which: "{{{{ ... }}}}"'
            )
        return None

    def _templates(self, node: Table, name: str) -> Mapping[str, Template]:
        given = node.entries.get(name)
        if given is None:
            return {}
        if not isinstance(given, Table) or not given.entries:
            self.findings.error(given.place, f"`{name}` needs `field: value` lines")
            return {}
        read = {key: conditions.template(value, self.available, self.findings) for key, value in given.entries.items()}
        return {key: value for key, value in read.items() if value is not None}

    def _values(self, node: Table, verb: str, target: str) -> Mapping[str, Any]:
        spec = VERBS[verb]
        given = node.entries.get(verb if spec.object == "request" else "with")
        if given is None:
            return {}
        if not isinstance(given, Table):
            self.findings.error(given.place, "needs `field: value` lines here")
            return {}
        if spec.object == "request":
            self._check_http(given)
        if spec.fields_of_target:
            self._check_fields(given, target)
        if spec.object == "channel":
            self._check_severity(given.entries.get("severity"))
        return {key: self._value(value) for key, value in given.entries.items()}

    def _check_severity(self, given: Node | None) -> None:
        if given is None:
            return
        if not isinstance(given, Leaf):
            self.findings.error(given.place, f"`severity` is one word for all channels: {listed(SEVERITIES)}")
        elif given.raw not in SEVERITIES:
            hint = did_you_mean(given.raw, SEVERITIES)
            self.findings.error(given.place, f"'{given.raw}' is not a severity; use {listed(SEVERITIES)}{hint}")

    def _check_http(self, given: Table) -> None:
        for key, place in given.keys.items():
            if key not in _HTTP_KEYS:
                self.findings.error(place, f"unknown key '{key}'{did_you_mean(key, _HTTP_KEYS)}")
        method = given.entries.get("method")
        raw = method.raw.strip() if isinstance(method, Leaf) else ""
        if method is not None and "{{" not in raw and raw.upper() not in HTTP_METHODS:
            self.findings.error(
                method.place, f"{raw[:20]!r} is no method; use {listed(HTTP_METHODS)}{did_you_mean(raw, HTTP_METHODS)}"
            )
        url = given.entries.get("url")
        if url is None:
            self.findings.error(given.place, "'url' is missing")
        elif isinstance(url, Leaf) and _has_value_in_host(url.raw.strip()):
            self.findings.error(
                url.place, "a value cannot stand in the host of an address; put it behind the first / or into `query`"
            )

    def _check_fields(self, given: Table, target: str) -> None:
        known = WRITABLE.get(target)
        for key, place in given.keys.items():
            if known is None or key in known:
                continue
            meant = nearest(key, known)
            if meant:
                self.findings.error(place, f"{a(target)} has no '{key}'; did you mean '{meant}'?")
            else:
                self.findings.warning(place, f"'{key}' is not a field of {a(target)} that Integr8 documents")

    def _value(self, node: Node) -> Any:
        if isinstance(node, Table):
            return {key: self._value(value) for key, value in node.entries.items()}
        if isinstance(node, Branch):
            return [self._value(value) for value in node.items]
        if isinstance(node.value, str) and "{{" in node.raw:
            return conditions.template(node, self.available, self.findings)
        return node.value

    def _hold(self, node: Table) -> HoldFor | None:
        given = node.entries.get("hold")
        if given is None:
            return None
        found = hold_for(given.value) if isinstance(given, Leaf) else None
        if found is None:
            said = spelled(given.value) if isinstance(given, Leaf) else "a list or a mapping"
            spoken = durations.meant(given.value) if isinstance(given, Leaf) else None
            self.findings.error(given.place, f"{said} is not a hold; write {spoken or '12h, until midnight or manual'}")
        return found

    def _secret_channel(self, node: Table) -> str | None:
        given = node.entries.get("deliver_secret_to")
        if given is None:
            return None
        fields = node.entries.get("with")
        password = fields.entries.get("password") if isinstance(fields, Table) else None
        if not isinstance(password, Leaf) or password.raw != "generate":
            self.findings.error(
                node.keys["deliver_secret_to"], "there is no secret to deliver without `password: generate`"
            )
        channel = given.raw if isinstance(given, Leaf) else ""
        if self.environment.channels is not None and channel not in self.environment.channels:
            hint = did_you_mean(channel, self.environment.channels)
            self.findings.error(given.place, f"there is no channel '{channel}'{hint}")
        return channel

    def _check_complete(self, node: Table, action: Action) -> None:
        for name, purpose in VERBS[action.verb].required.items():
            if name not in node.entries:
                self.findings.error(node.keys[action.verb], f"`{action.verb}` needs `{name}`: {purpose}")


def _has_value_in_host(url: str) -> bool:
    """Return whether a template value decides the destination of a request.

    A value that is the whole address is allowed: the list of allowed addresses checks it.
    """
    fixed, found, _ = url.partition("{{")
    if not found or (not fixed and url.count("{{") == 1 and url.endswith("}}")):
        return False
    _, slashes, host = fixed.partition("//")
    return not slashes or not any(mark in host for mark in "/?#")


def destructive(steps: tuple[Action, ...]) -> bool:
    """Return True if a step takes traffic away."""
    return any(takes_traffic(step) for step in steps)


def takes_traffic(step: Action) -> bool:
    """Return True if one step takes traffic away. Entities that `ensure` makes inactive had none."""
    return VERBS[step.verb].deactivates or (not VERBS[step.verb].creates and stops_traffic(step.verb, step.values))
