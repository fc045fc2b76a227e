"""Keys of rules that changed their names. `docs/reference/renamed.md` is made from this and `bridge.config.renamed`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RenamedKey:
    """One key of a rule, as a dotted path: `then.hand_over`. The old one works for one version and warns."""

    old: str
    new: str
    since: str


RENAMED: tuple[RenamedKey, ...] = ()
