"""Accept the former names of keys in rules, with a warning that names the new one."""

from rules.language.fields import Findings
from rules.language.strict_yaml import Table
from rules.model.renamed import RENAMED_KEYS


def current_keys(node: Table, at: str, findings: Findings) -> Table:
    """Return the mapping at the path `at` with the present keys, and a warning at the place of each old one.

    An old key beside its new one stays, and is refused as an unknown key.
    """
    names = {
        row.old.rpartition(".")[2]: row.new.rpartition(".")[2]
        for row in RENAMED_KEYS
        if row.old.rpartition(".")[0] == at
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
