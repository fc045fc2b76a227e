"""Keys of rules that changed their names. `docs/reference/renamed.md` is made from this and `bridge.renamed`."""

from dataclasses import dataclass

from rules.language.fields import Findings
from rules.language.strict_yaml import Table


@dataclass(frozen=True, slots=True)
class RenamedKey:
    """One key of a rule, as a dotted path: `then.hand_over`. The old one works for one version and warns."""

    old: str
    new: str
    since: str


RENAMED: tuple[RenamedKey, ...] = (RenamedKey("then.hand_over", "then.deliver_secret_to", "0.2.0"),)


def current_keys(node: Table, at: str, findings: Findings) -> Table:
    """The mapping at the path `at` with the present keys, and a warning at the place of each old one.

    An old key beside its new one stays where it is, and is refused as an unknown key.
    """
    names = {
        row.old.rpartition(".")[2]: row.new.rpartition(".")[2] for row in RENAMED if row.old.rpartition(".")[0] == at
    }
    used = {old: new for old, new in names.items() if old in node.entries and new not in node.entries}
    for old, new in used.items():
        findings.warning(node.keys[old], f"{old} is now called {new}; the old name works for one more version")
    if not used:
        return node
    return Table(
        node.place,
        {used.get(key, key): value for key, value in node.entries.items()},
        {used.get(key, key): place for key, place in node.keys.items()},
    )
