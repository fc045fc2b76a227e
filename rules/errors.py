"""What can be wrong with a rule."""

from dataclasses import dataclass
from typing import Literal

from rules.syntax import Place


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding, with its place and, where we know it, the remedy. Reads as one line."""

    place: Place
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class RuleError(ValueError):
    """A text that is not a rule. Carries every problem that was found, not only the first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type["RuleError"], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)
