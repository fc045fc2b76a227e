"""Check filters: only existing words are accepted, and a refusal names the nearest one."""

from typing import Any

from flask import abort
from marshmallow import ValidationError, validate

from bridge.operations.filter_words import NoSuchWord, refuse_unknown, unknown_word
from bridge.web.request_context import services


class Word(validate.OneOf):
    """One of these words."""

    def __call__(self, value: Any) -> Any:
        if value not in self.choices:
            raise ValidationError(unknown_word(str(value), [str(one) for one in self.choices]))
        return value


def must_be_known(**asked: str | None) -> None:
    """Answer 422 for a filter by an unknown name, judged by the rules, sources and accounts of this moment."""
    try:
        with services().store.read() as session:
            refuse_unknown(services(), session, **asked)
    except NoSuchWord as error:
        abort(error.status, str(error))
