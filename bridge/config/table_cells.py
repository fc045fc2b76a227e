"""Find table cells that a rule cannot compare, and keys that match nothing. Each finding names its line."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from bridge.config import lookup_tables
from bridge.config.lookup_tables import Table, is_number
from bridge.config.table_rows import ANY, as_text, keys_of
from bridge.sources import spreadsheet
from rules.language import types
from rules.loading.lint import conditions
from rules.model import tree
from rules.model.errors import Problem
from rules.model.revision import Group, Revision
from rules.model.syntax import Place

ORDERS = frozenset({"<", "<=", ">", ">="})
NUMBER_KEYS_SHARE = 0.5
TOTALS = frozenset({"total", "totals", "sum", "grand total", "gesamt", "summe"})


def findings(tables: Mapping[str, Table], revisions: Sequence[Revision]) -> list[Problem]:
    """Return errors for cells that are not numbers in columns compared as numbers, and warnings for strange keys."""
    found: list[Problem] = []
    for (name, column), rule in sorted(_compared(revisions, _numeric).items()):
        if name in tables and column in tables[name].columns[1:]:
            found += _no_numbers(tables[name], column, rule)
    for (name, column), rule in sorted(_compared(revisions, _with_date).items()):
        if name in tables and column in tables[name].columns[1:]:
            found += _no_dates(tables[name], column, rule)
    ids = _joined_by_id(tables, revisions)
    for name, one in tables.items():
        for column in one.keys:
            found += _strange_keys(one, column, of_ids=(name, column) in ids)
    return found


def _joined_by_id(tables: Mapping[str, Table], revisions: Sequence[Revision]) -> set[tuple[str, str]]:
    """Return the table columns in which rules look up ids of Integr8."""
    return {
        (name, column)
        for revision in revisions
        for name, attributes in revision.scope.join.items()
        if name in tables
        for attribute, column in zip(attributes, tables[name].key_columns(len(attributes)), strict=True)
        if attribute.endswith(".id")
    }


def _compared(revisions: Sequence[Revision], named: Callable[[tree.Node], Iterator[str]]) -> dict[tuple[str, str], str]:
    """Return the columns that `named` finds in a condition as compared with numbers, each with a rule that does so."""
    found: dict[tuple[str, str], str] = {}
    for revision in revisions:
        for condition in (
            *conditions(revision.when),
            *conditions(revision.unless),
            *conditions(revision.release.early),
        ):
            for name in named(condition.tree):
                table, _, column = name.partition(".")
                if table in revision.scope.join:
                    found.setdefault((table, column), revision.id)
    return found


def _groups(revision: Revision) -> tuple[Group | None, ...]:
    return revision.when, revision.unless, revision.release.early


def _numeric(root: tree.Node) -> Iterator[str]:
    for node in root.walk():
        if isinstance(node, tree.Arithmetic | tree.Negative) or (isinstance(node, tree.Compare) and _by_size(node)):
            yield from (one.name for child in node.children() for one in _leaves(child))


def _with_date(root: tree.Node) -> Iterator[str]:
    for node in root.walk():
        sides = (node.left, node.right) if isinstance(node, tree.Compare) else ()
        if any(isinstance(side, tree.Clock) and side.name == "date" for side in sides):
            yield from (side.name for side in sides if isinstance(side, tree.Attribute))


def _by_size(node: tree.Compare) -> bool:
    if node.op in ORDERS:
        return not types.orders_dates(node)
    sides = [part for child in node.children() for part in child.walk()]
    return any(isinstance(one, tree.Metric) or _is_number(one) for one in sides)


def _is_number(node: tree.Node) -> bool:
    return isinstance(node, tree.Constant) and node.kind in {"number", "percent"}


def _leaves(node: tree.Node) -> Iterator[tree.Attribute]:
    return (one for one in node.walk() if isinstance(one, tree.Attribute))


def _no_numbers(table: Table, column: str, rule: str) -> Iterator[Problem]:
    for row in table.rows:
        value = row.cells[column]
        if value is not None and not is_number(value):
            place = Place(table.file, row.line, table.columns.index(column) + 1)
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            of = row.cells[table.columns[0]]
            words = f"{column} of {as_text(of)!r} is {shown!r}, no number, and the rule {rule} compares it as one"
            yield Problem(place, f"{words}; {_remedy(table.name, column, shown)}")


def _no_dates(table: Table, column: str, rule: str) -> Iterator[Problem]:
    for row in table.rows:
        value = row.cells[column]
        if value is not None and not types.is_date(value):
            place = Place(table.file, row.line, table.columns.index(column) + 1)
            of = as_text(row.cells[table.columns[0]])
            words = f"{column} of {of!r} is {str(value)!r}, not a date, and the rule {rule} compares it with `date`"
            yield Problem(place, f"{words}; write it like 2026-12-24")


def _remedy(table: str, column: str, shown: str) -> str:
    """Return how to make the cell a number: a declared type is named only if it can read the cell."""
    for type_, example in (("money", "1500.00"), ("percent", "0.80")):
        try:
            lookup_tables.cell(shown, type_)
        except ValueError:
            continue
        return f"write it like {example}, or declare `tables: {{{table}: {{{column}: {type_}}}}}` in bridge.yaml"
    return "write it like 1500.00"


def _strange_keys(table: Table, column: str, *, of_ids: bool) -> Iterator[Problem]:
    """Yield keys that a spreadsheet has shortened, and keys that are not numbers where most are."""
    lines: dict[str, int] = {}
    for row in table.rows:
        lines.setdefault(keys_of(row, (column,))[0], row.line)
    lines.pop(ANY, None)
    empty = lines.pop("", None)
    if empty is not None:
        place = Place(table.file, empty, table.columns.index(column) + 1)
        yield Problem(place, f"the key is empty; the row matches nothing, write {ANY!r} for any", "warning")
    strange = [key for key in lines if not (key.isdecimal() and key == (key.lstrip("0") or "0"))]
    few = len(strange) < len(lines) * NUMBER_KEYS_SHARE
    for key in strange:
        place = Place(table.file, lines[key], table.columns.index(column) + 1)
        if spreadsheet.is_shortened(key):
            words = (
                f"the key {key!r} is an id that a spreadsheet has shortened; format its column as text, export again"
            )
            yield Problem(place, words, "warning")
        elif ANY in key:
            words = f"the key {key!r} is taken as it stands; only a whole cell {ANY!r} stands for any"
            yield Problem(place, words, "warning")
        elif few or key.lower() in TOTALS or (of_ids and key.isdecimal()):
            zero = "begins with 0, which no id does" if of_ids else "begins with 0, unlike the others"
            what = zero if key.isdecimal() else "is not a number as the others are"
            yield Problem(place, f"the key {key!r} {what}; it probably matches nothing", "warning")
