"""No dataclass that holds arrays is compared by value: numpy has no yes or no for arrays of different length."""

import importlib
import pkgutil
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

import bridge
import rules

#: Names that hints use although their modules are loaded later.
LATE = {one.__name__: one for one in (EllipticCurvePublicKey, Ed25519PublicKey, RSAPublicKey)}
STARTS_A_SERVER = {"bridge.web.process"}  # importing it makes the application of this process


def modules() -> list[str]:
    found = [one.name for each in (bridge, rules) for one in pkgutil.walk_packages(each.__path__, f"{each.__name__}.")]
    return [
        name for name in found if name not in STARTS_A_SERVER and "migrations" not in name and "__main__" not in name
    ]


def dataclasses_of(name: str) -> list[type]:
    module = importlib.import_module(name)
    return [
        one for one in vars(module).values() if isinstance(one, type) and is_dataclass(one) and one.__module__ == name
    ]


def holds_arrays(hint: Any, depth: int = 0) -> bool:
    if get_origin(hint) is np.ndarray or hint is np.ndarray:
        return True
    if isinstance(hint, type) and is_dataclass(hint) and depth < 4:
        hints = get_type_hints(hint, localns=LATE)
        return any(holds_arrays(hints[one.name], depth + 1) for one in fields(hint) if one.compare)
    return any(holds_arrays(one, depth) for one in get_args(hint))


def test_every_dataclass_with_arrays_is_compared_by_identity():
    found = [one for name in modules() for one in dataclasses_of(name) if holds_arrays(one)]
    assert len(found) > 10
    assert [one.__qualname__ for one in found if one.__eq__ is not object.__eq__] == []
