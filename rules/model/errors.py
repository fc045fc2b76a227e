"""Problems of a rule, with their places."""

from dataclasses import dataclass
from typing import Literal

from rules.model.syntax import Place


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding, with its place and, if known, the remedy. Its text is one line."""

    place: Place
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class RuleError(ValueError):
    """The text is not a valid rule. The error holds every problem that was found, not only the first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type["RuleError"], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class Unfilled(LookupError):
    """A template needs a value that is missing or unusable. `text` is the template, `detail` the reason."""

    def __init__(self, text: str, detail: str) -> None:
        super().__init__(f"{text}: {detail}")
        self.text = text
        self.detail = detail

    def __reduce__(self) -> tuple[type["Unfilled"], tuple[str, str]]:
        return type(self), (self.text, self.detail)
