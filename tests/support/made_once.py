"""What each application and each engine makes anew although it is always the same: thousands of tests make their own.

Compiled templates, the functions that put the addresses of routes together, the SQL of statements, what a text in YAML
says, and the certificates that clients trust. None of it depends on a test.
"""

import functools
import os
from typing import Any, ClassVar

import httpx
import httpx._transports.default
import pytest
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import ClauseElement, Dialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from rules.language import strict_yaml


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


#: Name in SQLAlchemy of what looks a statement up among the compiled ones of an engine, or of a mapped class.
LOOK_UP = "_compile_w_cache"
_look_up = getattr(ClauseElement, LOOK_UP)


class Statements:
    """The compiled statements of all engines whose dialects are alike, to each of them: SQL is the same for all."""

    _of_all: ClassVar[LRUCache[object, Any]] = LRUCache(4000)

    def __init__(self, dialect: Any) -> None:
        self._kind = (type(dialect), dialect._json_serializer, dialect._json_deserializer)

    def get(self, key: tuple[Any, ...]) -> Any:
        return self._of_all.get((self._kind, *key[1:]))

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        self._of_all[self._kind, *key[1:]] = compiled


def _statement(self: ClauseElement, dialect: Dialect, *, compiled_cache: Any, **more: Any) -> Any:
    shared = None if compiled_cache is None else Statements(dialect)
    return _look_up(self, dialect, compiled_cache=shared, **more)


def remember_statements(patch: pytest.MonkeyPatch) -> None:
    """Compile each statement once in this process for each kind of database."""
    patch.setattr(ClauseElement, LOOK_UP, _statement)


#: Name in the YAML reader of what reads one document. Its answer is frozen, and depends on its arguments only.
READ = "_document"


def remember_documents(patch: pytest.MonkeyPatch) -> None:
    """Read each text in YAML once in this process: most tests use the same few rules."""
    patch.setattr(strict_yaml, READ, functools.lru_cache(maxsize=2000)(getattr(strict_yaml, READ)))


_make_context = httpx.create_ssl_context
_made_context = functools.lru_cache(maxsize=10)(lambda trust_env, *_environment: _make_context(trust_env=trust_env))


def _context(verify: Any = True, cert: Any = None, trust_env: bool = True) -> Any:
    if verify is not True or cert is not None:
        return _make_context(verify=verify, cert=cert, trust_env=trust_env)
    return _made_context(trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


def remember_certificates(patch: pytest.MonkeyPatch) -> None:
    """Read the file of certificates once in this process, and not for each client that is told nothing about them."""
    for place in (httpx, httpx._transports.default):
        patch.setattr(place, "create_ssl_context", _context)
