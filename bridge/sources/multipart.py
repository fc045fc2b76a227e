"""Read the fields of a multipart/form-data body, as mail and form services send it."""

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio import multipart

from bridge.sources.errors import Unreadable
from bridge.sources.request import MAX_PARAMETERS


def fields(raw: bytes, content_type: str) -> tuple[tuple[str, str], ...]:
    """Return name and text of each field; of a file `name`, `name.type` and `name.size`. Raises Unreadable.

    Only UTF-8 is accepted, and only a body whose last part has ended.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if not boundary or not boundary.isascii():
        raise Unreadable(415, "multipart/form-data names no boundary", "header Content-Type")
    decoder = multipart.MultipartDecoder(boundary.encode(), max_parts=MAX_PARAMETERS)
    found: list[tuple[str, str]] = []
    part: multipart.Field | multipart.File | None = None
    content = b""
    try:
        decoder.receive_data(raw)
        decoder.receive_data(None)
        while not isinstance(event := decoder.next_event(), multipart.Epilogue | multipart.NeedData):
            if isinstance(event, multipart.Field | multipart.File):
                part, content = event, b""
            elif isinstance(event, multipart.Data) and part is not None:
                content += event.data
                if not event.more_data:
                    found += _of_part(part, content)
    except RequestEntityTooLarge:
        raise Unreadable(422, f"more than {MAX_PARAMETERS} parts", "form") from None
    except (ValueError, UnicodeError) as error:
        raise Unreadable(422, f"no form in parts: {error}", "form") from None
    if not isinstance(event, multipart.Epilogue):
        raise Unreadable(422, "the form ends before its last part does", f"byte {len(raw)}")
    return tuple(found)


def _of_part(part: multipart.Field | multipart.File, content: bytes) -> list[tuple[str, str]]:
    name = part.name
    if isinstance(part, multipart.File):
        kind = part.headers.get("content-type", "")
        return [(name, part.filename), (f"{name}.type", kind), (f"{name}.size", str(len(content)))]
    try:
        return [(name, content.decode("utf-8"))]
    except UnicodeDecodeError as error:
        raise Unreadable(422, f"not UTF-8 ({error.reason})", f"form field {name[:80]}") from None
