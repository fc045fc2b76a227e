"""Errors of a refused sign-in. The text may be shown to anybody: it never tells whether a name exists."""


class LoginRefused(Exception):
    """The sign-in is refused.

    `why` goes into the audit and may say more than the words; `who` is the name, if known; `retry_after` is in seconds,
    if waiting helps.
    """

    def __init__(self, words: str, why: str = "", who: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(words, why, who, retry_after)
        self.words = words
        self.why = why or words
        self.who = who
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.words
