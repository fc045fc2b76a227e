"""Every key of bridge.yaml has one sentence and one example in the reference, and every example is what it says."""

import inspect
import re
from pathlib import Path

import pytest

from bridge.config import key_reference as keys
from bridge.config import login, schema, settings
from bridge.operations.feeds import POLL_SECONDS
from bridge.outbound import channels, http, http_action
from bridge.outbound.channels import ChannelSchema
from bridge.sources import schema as sources
from bridge.sources.expects import VALUE_KINDS
from bridge.sources.strict_schema import StrictSchema
from bridge.web import server
from rules.language.strict_yaml import data, documents

EXPLAINED = [
    (schema.FileSchema, keys.TOP_LEVEL_KEYS),
    (schema.AccountSchema, keys.ACCOUNT),
    (schema.RateSchema, keys.RATE),
    (schema.KeepSchema, keys.KEEP),
    (schema.NoticesSchema, keys.NOTICES),
    (schema.MetricsSchema, keys.METRICS),
    (login.OidcSchema, keys.OIDC),
    (login.RoleMapSchema, keys.ROLES),
    (ChannelSchema, keys.CHANNEL),
    (http.HttpPolicySchema, keys.HTTP),
    (sources.SourceSchema, keys.SOURCE),
    (schema.BudgetSchema, keys.BUDGET),
    (login.LoginSchema, keys.LOGIN),
]
ROOT = Path(__file__).parents[2]
SETTINGS = (ROOT / "docs" / "reference" / "settings.md").read_text()
READERS = (settings._environment, server.options)
SECRET = "whsec_" + "a" * 32
each_schema = pytest.mark.parametrize(("of", "explained"), EXPLAINED, ids=lambda one: getattr(one, "__name__", ""))


@each_schema
def test_every_key_has_a_sentence_and_an_example(of, explained):
    names = [one.data_key or attribute for attribute, one in of().fields.items()]
    assert sorted(explained) == sorted(names)
    for name, key in explained.items():
        assert key.about.endswith("."), name
        assert key.example, name


@each_schema
def test_every_example_is_read_as_the_key_reads_it(of, explained):
    for attribute, field in of().fields.items():
        key = explained[field.data_key or attribute]
        if "..." in key.example:
            continue  # an example of the whole shape, explained further below
        filled = re.sub(r"\$\{\w+\}", SECRET, key.example)
        [document] = documents(f"value: {filled}\n", "example")
        assert document.problems == (), key.example
        field.deserialize(data(document.root)["value"])


def test_no_part_of_the_file_is_left_out():
    modules = {login, schema, sources, http_action, channels}
    read = {one for module in modules for one in vars(module).values() if isinstance(one, type)}
    read = {one for one in read if issubclass(one, StrictSchema) and one.__module__ in {m.__name__ for m in modules}}
    assert read == {of for of, _ in EXPLAINED}


def test_every_row_says_kind_default_meaning_and_example():
    tables = re.findall(r"^\| (?:key|variable) \|.*\n\|[-|]+\n((?:\|.*\n)+)", SETTINGS, re.MULTILINE)
    rows = [line for table in tables for line in table.splitlines()]
    assert len(rows) == sum(len(explained) for _, explained in EXPLAINED) + len(keys.ENVIRONMENT)
    for row in rows:
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        assert all(cells), row
        assert not re.search(r"`(\(\)|\[\]|None|True|False|.*\['.*)`", cells[-3]), row


def test_every_variable_that_is_read_is_explained():
    read = {name for one in READERS for name in re.findall(r'"([A-Z][A-Z0-9_]+)"', inspect.getsource(one))}
    elsewhere = {"BRIDGE_PROCESS"}  # which `up` tells the processes that it starts
    for path in [*(ROOT / "bridge").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")]:
        read |= set(re.findall(r'"(BRIDGE_[A-Z0-9_]+)"', path.read_text())) - elsewhere
    assert read == keys.ENVIRONMENT.keys()
    for name, one in keys.ENVIRONMENT.items():
        assert one.about.endswith("."), name
        assert one.default, name


@pytest.mark.parametrize("name", keys.ENVIRONMENT)
def test_every_example_of_a_variable_can_be_used(tmp_path, monkeypatch, name):
    for one in keys.ENVIRONMENT:
        monkeypatch.delenv(one, raising=False)
    example = keys.ENVIRONMENT[name].example
    (tmp_path / "bridge.yaml").write_text("accounts: {}\n")
    monkeypatch.setenv(name, str(tmp_path) if name == "BRIDGE_HOME" else example)
    settings.load(tmp_path)
    server.options()


@pytest.mark.parametrize(("name", "default"), [(name, one.default) for name, one in keys.ENVIRONMENT.items()])
def test_defaults_of_variables_are_those_of_the_code(tmp_path, monkeypatch, name, default):
    for one in keys.ENVIRONMENT:
        monkeypatch.delenv(one, raising=False)
    (tmp_path / "bridge.yaml").write_text("accounts: {}\n")
    made, web = settings.load(tmp_path), server.options()
    held = {
        "SENTRY_SAMPLE_RATE": made.sentry.sample_rate, "SENTRY_TRACES_SAMPLE_RATE": made.sentry.traces_sample_rate,
        "BRIDGE_ENVIRONMENT": made.environment, "BRIDGE_LOG": made.log, "BRIDGE_BIND": web.host, "PORT": web.port,
        "WEB_WORKERS": web.workers, "BRIDGE_WEB_GRACE": web.grace,
    }  # fmt: skip
    if name in held:
        assert default == (f"`{held[name]:g}`" if isinstance(held[name], float) else f"`{held[name]}`")
    else:
        assert not default.startswith("`") or default.startswith("`up`")


def test_the_default_of_poll_is_that_of_the_code():
    assert (
        keys.ACCOUNT["poll"].without
        == f"`{{{', '.join(f'{kind}: {seconds}' for kind, seconds in sorted(POLL_SECONDS.items()))}}}`"
    )


def test_every_kind_of_a_field_is_explained():
    assert [*keys.EXPECTED_KINDS] == [*VALUE_KINDS]


def test_every_type_of_a_column_is_explained():
    assert sorted(keys.TABLES) == sorted(schema.TYPES)
