"""Every key of a rule has one sentence, one example that works, and says what holds without it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import reduce

import pytest
import yaml

from rules.language import canonical
from rules.language.keys import KEYS, REQUIRED
from rules.language.schema import json_schema, properties
from rules.language.strict_yaml import data, documents
from rules.loading.load import load
from rules.loading.reference import markdown
from rules.model.verbs import VERBS

PATHS = sorted({path for path, _ in properties(json_schema())})
BASE = """
schema: 1
id: base
trigger: {every: 15m}
scope: {per: [offer]}
data: {need: {clicks: 500}}
when: [clicks > 100]
then: [{pause: offer}]
"""

ZONE = "Asia/Kolkata"
#: What the reference says in words, beside what the code has: where a revision has it, and its value.
SAID_IN_WORDS = {
    "trigger.tz": ("trigger.tz", ZONE),
    "trigger.webhook.event": ("trigger.event", None),
    "trigger.webhook.dedupe": ("trigger.dedupe", None),
    "trigger.webhook.order_per": ("trigger.order_per", None),
    "trigger.silence.event": ("trigger.event", None),
    "data.fresh": ("data.fresh", None),
    "data.tz": ("data.tz", ZONE),
    "when.for": ("lasting", None),
    "lose_at_most": ("lose_at_most", None),
    "lose_at_most.worth": ("lose_at_most.worth", None),
    "then.id": ("then.0.id", "1"),
    "then.which": ("then.0.which", None),
    "then.hold": ("then.0.hold", None),
    "then.http.method": ("then.0.values.method", None),
    "then.http.body": ("then.0.values.body", None),
    "guards.at_most.targets": ("guards.at_most.targets", None),
    "guards.at_most.share": ("guards.at_most.share", None),
    "guards.at_most.revenue_24h": ("guards.at_most.revenue_24h", None),
    "guards.per_day": ("guards.per_day", None),
    "guards.keep_active.per": ("guards.keep_active.0.per", None),
    "guards.active": ("guards.active", ()),
    **{f"guards.{name}.tz": (f"guards.{name}.0.tz", ZONE) for name in ("quiet", "active")},
    **{f"guards.{name}.days": (f"guards.{name}.0.days", tuple(range(7))) for name in ("quiet", "active")},
    "approve.by": ("approve.by", ()),
    "inhibits.per": ("inhibits.per", ("offer",)),
    "tests.name": ("tests.0.name", None),
    "tests.effects": ("tests.0.effects", None),
}
#: Keys whose example is no rule any more without them, and how the refusal says so.
NEEDED_BY_ITS_EXAMPLE = {
    **{f"trigger.{one}": "exactly one of" for one in ("every", "cron", "webhook", "silence")},
    "trigger.webhook.order_per": "say which, such as order_per",
    **dict.fromkeys(("scope", "scope.per"), "an event by itself has no clicks"),
    "scope.from": "where does the event name the offer?",
    "data": "must say how much makes a decision",
    "data.need": "must say how much makes a decision",
    "when": "say under which condition",
    **{f"when.{one}": "no conditions" for one in ("all", "any", "none")},
    "lose_at_most.clicks_per_day": "needs clicks_per_day",
    "lose_at_most.hold": "a manual hold never ends by itself",  # that of the step, which the example leaves out
    "then.with": "needs `with`",
    **{f"guards.keep_active.{one}": "exactly one of" for one in ("offers", "publishers", "advertisers")},
    "approve.escalate_to": "needs escalate_to",
    "tests.state": "held back by nothing",
}


def is_verb(path):
    section, _, name = path.partition(".")
    return section == "then" and name in VERBS


@pytest.mark.parametrize("path", [path for path in PATHS if not is_verb(path)])
def test_each_key_has_a_sentence_and_an_example(path):
    assert KEYS[path].meaning.endswith(".")
    assert f"| `{path}` | {KEYS[path].meaning} |" in markdown()


def test_nothing_is_explained_that_is_no_key():
    assert set(KEYS) <= set(PATHS)


@pytest.mark.parametrize("path", KEYS)
def test_each_example_works_and_uses_its_key(environment, path):
    example = KEYS[path].example
    assert path.rpartition(".")[2] in example
    assert load(whole(example), name="x.yaml", environment=environment).errors == ()


def whole(example):
    """A rule with this section."""
    section = next(iter(yaml.safe_load(example)))
    kept = [line for line in BASE.strip().splitlines() if not line.startswith(f"{section}:")]
    if section == "lose_at_most":
        kept = [line for line in kept if not line.startswith("when")]
        kept += ["when: [cr < 0.40% @95% a month]", "release: {probation: {clicks: 500}}"]
    if "webhook" in example or "body." in example:
        kept = [line for line in kept if not line.startswith(("scope", "trigger", "data", "when", "then"))]
        kept += ["trigger: {webhook: {source: crm}}"] * (section != "trigger")
        kept += ["then: [{notify: traffic}]"] * (section != "then")
    return "\n".join([*kept, example])


@pytest.mark.parametrize("path", KEYS)
def test_each_default_is_that_of_the_code(environment, path):
    """A key that is left out means what the reference says of it: the same revision, the same value, or a refusal."""
    default, at_home = KEYS[path].default, replace(environment, timezones={"main": ZONE})
    [document] = documents(whole(KEYS[path].example), "x.yaml")
    parts = data(document.root)
    read = load(json.dumps(without(parts, path.split("."))), name="x.yaml", environment=at_home)
    if default == REQUIRED or path in NEEDED_BY_ITS_EXAMPLE:
        assert NEEDED_BY_ITS_EXAMPLE.get(path, "") in str(read.errors[0])
        return
    assert read.errors == ()
    [revision] = read.revisions
    if path in SAID_IN_WORDS:
        place, value = SAID_IN_WORDS[path]
        assert reduce(part, place.split("."), revision) == value
    elif default == "nothing":
        assert not sum(1 for _ in found(canonical.document_of(revision), path.split(".")))
    else:
        written = load(json.dumps(without(parts, path.split("."), default)), name="x.yaml", environment=at_home)
        assert [one.hash for one in written.revisions] == [revision.hash]


def without(node, path, value=None):
    """The same rule with another value for a key, or without it."""
    if isinstance(node, list):
        return [without(one, path, value) for one in node]
    name, *rest = path
    if rest:
        return {**node, name: without(node[name], rest, value)}
    others = {key: one for key, one in node.items() if key != name}
    return others if value is None else {**others, name: yaml.safe_load(value)}


def found(node, path):
    """Every value of a key in a canonical document."""
    if isinstance(node, list):
        for one in node:
            yield from found(one, path)
    elif not path:
        yield node
    elif isinstance(node, dict) and path[0] in node:
        yield from found(node[path[0]], path[1:])


def part(node, name):
    if isinstance(node, tuple):
        return node[int(name)]
    return node.get(name) if isinstance(node, Mapping) else getattr(node, name)
