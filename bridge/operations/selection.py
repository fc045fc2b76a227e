"""Select parts of a run or a plan: everything, or some targets. An empty selection is refused.

`None` means neither of them anywhere: who asks says `EVERYTHING`, or which targets.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias

from bridge.operations.errors import NothingSelected
from rules.model.plan import Target


@dataclass(frozen=True, slots=True)
class Everything:
    """The whole run, or the whole plan."""

    def __contains__(self, target: Target) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Only:
    """Only the given targets. Raises NothingSelected without any."""

    targets: frozenset[Target]

    def __post_init__(self) -> None:
        if not self.targets:
            raise NothingSelected("nothing is selected, so nothing was done; select at least one target")

    def __contains__(self, target: Target) -> bool:
        return target in self.targets


@dataclass(frozen=True, slots=True)
class Named:
    """Items as a person names them, before it is known what they are part of: `offer=42` by either id, or `42` alone.

    Raises NothingSelected without any.
    """

    texts: Sequence[str]

    def __post_init__(self) -> None:
        if not self.texts:
            raise NothingSelected("nothing is selected, so nothing was done; select at least one target")


Selection: TypeAlias = Everything | Only
Choice: TypeAlias = Selection | Named
EVERYTHING = Everything()


def only(targets: Iterable[Target]) -> Only:
    """Return a selection of these targets. Raises NothingSelected without any."""
    return Only(frozenset(targets))


def check_part_of(selection: Selection, known: Collection[Target], what: str) -> None:
    """Raise NothingSelected if a selected target is not part of it: the person means something else."""
    if isinstance(selection, Everything):
        return
    foreign = sorted(selection.targets - set(known))
    if foreign:
        names = ", ".join(str(one) for one in foreign)
        there = ", ".join(str(one) for one in sorted(known)[:MAX_TARGETS_NAMED]) or "no target"
        more = f" and {len(known) - MAX_TARGETS_NAMED} more" if len(known) > MAX_TARGETS_NAMED else ""
        raise NothingSelected(f"{what}: {names} is not part of it, so nothing was done; part of it: {there}{more}")


def find(wanted: Named, ids: Mapping[Target, Collection[str]], what: str) -> Only:
    """Return the targets that these texts name. `ids` has every id of each target that is part of it.

    Raises NothingSelected if a text names none of them, or more than one kind.
    """
    return Only(frozenset(one for text in wanted.texts for one in _named(text, ids, what)))


def _named(text: str, ids: Mapping[Target, Collection[str]], what: str) -> set[Target]:
    kind, equals, identity = text.partition("=")
    exact = {one for one, names in ids.items() if equals and one.kind == kind and identity in names}
    found = exact or {one for one, names in ids.items() if text in names}
    kinds = sorted({one.kind for one in found})
    if len(kinds) > 1:
        several = " or ".join(f"{one}={text}" for one in kinds)
        raise NothingSelected(f"{what}: {text!r} names more than one item, so nothing was done; write {several}")
    if not found:
        raise NothingSelected(f"{what}: {text[:60]!r} is not part of it, so nothing was done; {_help(text, ids)}")
    return found


def _help(text: str, ids: Mapping[Target, Collection[str]]) -> str:
    """Return the form of an entry, the nearest one, and some existing ones."""
    forms = sorted({f"{one.kind}={name}" for one, names in ids.items() for name in names})
    near = get_close_matches(text, forms, n=1, cutoff=0.5)
    meant = f"; did you mean {near[0]}?" if near else ""
    some = [f"{one.kind}={one.id}" for one in sorted(ids)]
    more = f" and {len(some) - MAX_TARGETS_NAMED} more" if len(some) > MAX_TARGETS_NAMED else ""
    return f"write KIND=ID{meant}; part of it: {', '.join(some[:MAX_TARGETS_NAMED]) or 'no item'}{more}"


MAX_TARGETS_NAMED = 10  # targets that a sentence names
