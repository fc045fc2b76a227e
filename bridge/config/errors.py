"""The error for an environment or a bridge.yaml that cannot be used. It imports nothing: every command can catch it."""


class SettingsError(ValueError):
    """The settings contradict each other. `problems` has every finding with its remedy."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type["SettingsError"], tuple[list[str]]]:
        return type(self), (self.problems,)
