"""JSON text of columns and answers, with whole numbers of any length.

orjson is fast, but it refuses to write a whole number above 64 bits, and reads one as a float.
"""

import json
import re
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from typing import Any

import orjson

WIDE = re.compile(r"[0-9]{19}")
WIDE_BYTES = re.compile(rb"[0-9]{19}")


def dumps(value: Any, *, indent: bool = False) -> str:
    """Write JSON. Decimals and moments become strings: exact, and readable in the database."""
    options = orjson.OPT_NON_STR_KEYS | (orjson.OPT_INDENT_2 if indent else 0)
    try:
        return orjson.dumps(value, default=str, option=options).decode()
    except orjson.JSONEncodeError as error:
        if "64-bit" not in str(error):
            raise
    separators = None if indent else (",", ":")
    return json.dumps(value, default=_plain, indent=2 if indent else None, separators=separators, ensure_ascii=False)


def loads(text: str | bytes) -> Any:
    """Read JSON. Whole numbers of any length stay whole."""
    wide = WIDE.search(text) if isinstance(text, str) else WIDE_BYTES.search(text)
    return json.loads(text) if wide else orjson.loads(text)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
