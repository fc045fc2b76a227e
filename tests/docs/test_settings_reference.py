"""Every key of bridge.yaml has one sentence and one example in the reference, and every example is what it says."""

import re

import pytest

from bridge.config import key_reference as keys
from bridge.config import login, schema
from bridge.outbound import http
from bridge.outbound.channels import ChannelSchema
from bridge.sources import schema as sources
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
]
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


def test_every_type_of_a_column_is_explained():
    assert sorted(keys.TABLES) == sorted(schema.TYPES)
