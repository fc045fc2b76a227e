"""Replace a file atomically, so that nobody ever reads half of it."""

import os
import tempfile
from pathlib import Path

NEW_FILE_MODE = 0o644


def write(path: Path, text: str) -> None:
    """Replace the content of a file by `text`, or create the file. Raises OSError and then leaves the file unchanged.

    A link stays a link: its target is written. The file keeps its permissions.
    """
    target = path.resolve()
    mode = target.stat().st_mode if target.exists() else NEW_FILE_MODE
    number, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    draft = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            os.fchmod(number, mode)
        draft.replace(target)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
