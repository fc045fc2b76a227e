"""API keys with a permission per section: None, Read or Write (facts, section 1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from werkzeug.datastructures import Headers

from bridge.simulator.errors import Refusal, bad

LEVELS = ("None", "Read", "Write")


@dataclass(frozen=True, slots=True)
class ApiKey:
    name: str
    key: str
    permissions: Mapping[str, str] = field(default_factory=dict)  # a section not named is Write
    active: bool = True

    def may(self, section: str, level: str) -> bool:
        return LEVELS.index(self.permissions.get(section, "Write")) >= LEVELS.index(level)


class KeyRing:
    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}

    def add(self, key: ApiKey) -> None:
        for section, level in key.permissions.items():
            if level not in LEVELS:
                raise bad(f"permissions.{section}", f"must be one of {', '.join(LEVELS)}")
        self._keys[key.key] = key

    def remove(self, key: str) -> None:
        self._keys.pop(key, None)

    def all(self) -> list[ApiKey]:
        return list(self._keys.values())

    def enter(self, headers: Headers) -> ApiKey:
        """Return the caller's key, from `API-KEY` or a bearer token: the reference lists both schemes."""
        text = headers.get("API-KEY") or headers.get("Authorization", "").removeprefix("Bearer ")
        found = self._keys.get(text)
        if found is None or not found.active:
            raise Refusal(401, "no valid API key was provided")
        return found


def require(key: ApiKey, section: str, level: str) -> None:
    if not key.may(section, level):
        raise Refusal(403, f"the API key {key.name!r} lacks {level} on {section}")
