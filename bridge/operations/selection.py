"""What of a run or a plan a person means: everything, or some targets. A selection of nothing does not exist.

`None` means neither of them anywhere: who asks says `EVERYTHING`, or which targets.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
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
    """These targets and no others. Raises NothingSelected where there are none."""

    targets: frozenset[Target]

    def __post_init__(self) -> None:
        if not self.targets:
            raise NothingSelected("nothing is selected, so nothing was done; select at least one target")

    def __contains__(self, target: Target) -> bool:
        return target in self.targets


Selection: TypeAlias = Everything | Only
EVERYTHING = Everything()


def only(targets: Iterable[Target]) -> Only:
    """A selection of these targets. Raises NothingSelected where there are none."""
    return Only(frozenset(targets))


def check_part_of(selection: Selection, known: Collection[Target], what: str) -> None:
    """Raise NothingSelected when a selected target is not part of it: what was meant is not what would be done."""
    if isinstance(selection, Everything):
        return
    foreign = sorted(selection.targets - set(known))
    if foreign:
        names = ", ".join(str(one) for one in foreign)
        there = ", ".join(str(one) for one in sorted(known)[:SHOWN]) or "no target"
        more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
        raise NothingSelected(f"{what}: {names} is not part of it, so nothing was done; part of it: {there}{more}")


SHOWN = 10  # targets that a sentence names
