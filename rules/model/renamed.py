"""Keys of rules that changed their names. The former name works for one version and warns."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RenamedKey:
    """One key of a rule, as a dotted path: `then.hand_over`. `since` is the version that renamed it."""

    old: str
    new: str
    since: str


RENAMED_KEYS: tuple[RenamedKey, ...] = (RenamedKey("then.hand_over", "then.deliver_secret_to", "0.2.0"),)
