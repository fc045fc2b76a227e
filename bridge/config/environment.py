"""Read environment variables, $BRIDGE_HOME/.env and the files that NAME_FILE points to."""

import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from environs import EnvValidationError, FileAwareEnv

from bridge.config.renamed import environment_names

LINE_ENDS = "\r\n"


class Environment(FileAwareEnv):
    """`environs`, with three additions.

    The line end of a value is not part of it: mounted secrets and `echo` add one. A file that cannot be read is a
    readable problem. A variable with its old name is used, with a warning.
    """

    def __init__(self, home: Path | None = None, *, eager: bool = True) -> None:
        super().__init__(eager=eager)
        self.problems: list[str] = []
        self.warnings: list[str] = []
        if home is not None:
            self.read_env(str(home / ".env"), recurse=False)

    def _get_value(self, env_key: str, default: Any) -> Any:
        try:
            found = super()._get_value(env_key, None)
            if found is None:
                found = self._under_an_old_name(env_key)
        except UnicodeDecodeError as error:
            words = f"is not UTF-8 text (byte {error.start}); save the file as UTF-8"
            self.problems.append(f"settings: the file that {env_key}_FILE points to {words}")
            return default
        except (ValueError, OSError) as error:
            self.problems.append(f"settings: {str(error).rstrip('.')}; point {env_key}_FILE to the mounted file")
            return default
        if found is not None and {env_key, f"{env_key}_FILE"} <= os.environ.keys() | self._environ.keys():
            self.warnings.append(f"settings: {env_key} and {env_key}_FILE are both set; the file is used, remove one")
        return default if found is None else found.removeprefix("\ufeff").rstrip(LINE_ENDS)

    def _under_an_old_name(self, name: str) -> str | None:
        for old in environment_names().get(name, ()):
            found: str | None = super()._get_value(old, None)
            if found is not None:
                self.warnings.append(f"settings: {old} is now called {name}; the old name works for one more version")
                return found
        return None


def control_character(text: str) -> str | None:
    """Return the first character that no secret, address or header may hold, as `U+000A`."""
    found = next((one for one in text if ord(one) < 32 or ord(one) == 127), None)
    return None if found is None else f"U+{ord(found):04X}"


def doubt(name: str, value: str) -> str | None:
    """Describe what was probably pasted along with a value. The value is used unchanged: a secret may hold anything."""
    if value != value.strip():
        return f"{name} begins or ends with a space, which counts as a part of it; remove the space"
    unseen = next((one for one in value if unicodedata.category(one) == "Cf"), None)
    if unseen is not None:
        return (
            f"in {name} stands U+{ord(unseen):04X}, which one does not see and which counts as a part of it; remove it"
        )
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return f"{name} stands in quotes, which count as a part of it; remove them"
    if value.startswith(f"{name}="):
        return f"{name} begins with its own name; write only what stands behind the ="
    return None


def seal(env: Environment) -> Mapping[str, list[str]]:
    """Return all problems of the variables that were read: name → sentences."""
    try:
        env.seal()
    except EnvValidationError as error:
        messages = error.error_messages
        return messages if isinstance(messages, Mapping) else {"environment": [str(error)]}
    return {}
