"""Change one word of a rule file and nothing else: comments, order and spelling stay as people wrote them."""

from rules.language.strict_yaml import Leaf, Table, documents
from rules.model.revision import Mode


class NotRewritable(ValueError):
    """The text has no place for the word."""


def with_mode(text: str, rule_id: str, mode: Mode) -> str:
    """Return the text of a file in which one rule has another mode. Raises NotRewritable if the rule is not found."""
    root = next((one.root for one in documents(text, "") if _is(one.root, rule_id)), None)
    if not isinstance(root, Table):
        raise NotRewritable(f"it has no rule {rule_id}")
    lines = text.split("\n")  # as places count them: other line ends are part of a line
    present = root.entries.get("mode")
    if isinstance(present, Leaf):
        row, start = present.place.line - 1, present.place.column - 1
        line = lines[row]
        if not line.startswith(present.raw, start):
            raise NotRewritable("its mode has a form that only a person should change")
        lines[row] = line[:start] + mode + line[start + len(present.raw) :]
    else:
        place = root.keys["id"]
        lines.insert(place.line, f"{' ' * (place.column - 1)}mode: {mode}")
    return "\n".join(lines)


def with_id(text: str, rule_id: str, new: str) -> str:
    """Return the text of a file in which one rule has another id. Raises NotRewritable if the rule is not found."""
    root = next((one.root for one in documents(text, "") if _is(one.root, rule_id)), None)
    present = root.entries.get("id") if isinstance(root, Table) else None
    if not isinstance(present, Leaf):
        raise NotRewritable(f"it has no rule {rule_id}")
    lines = text.split("\n")
    row, start = present.place.line - 1, present.place.column - 1
    lines[row] = lines[row][:start] + new + lines[row][start + len(present.raw) :]
    return "\n".join(lines)


def _is(root: object, rule_id: str) -> bool:
    found = root.entries.get("id") if isinstance(root, Table) else None
    return isinstance(found, Leaf) and found.value == rule_id
