"""What rules may write into a target is what Integr8's client takes: the two lists are in different packages."""

import pytest

from bridge.effects.handlers.entities import RESOURCES
from bridge.integr8.catalogue import OPERATIONS
from rules.language.actions import WRITABLE
from rules.model.verbs import ENTITIES


@pytest.mark.parametrize("kind", ENTITIES)
def test_the_fields_that_a_rule_may_set_are_those_that_are_sent(kind):
    request = OPERATIONS[f"{RESOURCES[kind]}.update"].request
    assert request is not None
    assert set(WRITABLE[kind]) == set(request().fields)
