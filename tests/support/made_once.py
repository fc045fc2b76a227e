"""What each application makes anew although it is always the same: hundreds of tests make an application each.

Compiled templates, and the functions that put the addresses of routes together. Neither depends on a test.
"""

from typing import Any

import pytest
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule


class CompiledTemplates(BytecodeCache):
    """The code of templates, for all applications of this process."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.code


TEMPLATES = CompiledTemplates()
#: Name in werkzeug of what compiles the function that builds an address. It uses nothing of its rule but these keys.
COMPILE = "_compile_builder"
_builders: dict[object, Any] = {}
_compile = getattr(Rule, COMPILE)


def _builder(rule: Any, append_unknown: bool = True) -> Any:
    if rule.defaults:
        return _compile(rule, append_unknown)
    key = (append_unknown, rule.rule, tuple(rule._trace))
    if key not in _builders:
        _builders[key] = _compile(rule, append_unknown)
    return _builders[key]


def remember_addresses(patch: pytest.MonkeyPatch) -> None:
    """Compile the addresses of each route once in this process."""
    patch.setattr(Rule, COMPILE, _builder)
