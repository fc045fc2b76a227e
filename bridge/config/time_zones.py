"""Use the newer time-zone rules: those of the machine, or those of the `tzdata` package.

Countries change their clocks at short notice, and the files of a distribution can be a year behind. Importing any
module of `bridge` runs `use_the_newer` first, so that no zone is made from the older rules.
"""

import os
import re
import zoneinfo
from collections.abc import Sequence
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

VERSION = re.compile(r"(\d{4})([a-z]+)")
FIRST_LINE = re.compile(r"#\s*version\s+(\S+)")
LETTER = timedelta(days=45)  # between two versions of a year, about
MAX_ZONE_DATA_AGE = timedelta(days=365)
CHOSEN_BY_USER = "PYTHONTZPATH"


class Rules(NamedTuple):
    """The time-zone rules in use: their version, such as "2026f", and their origin."""

    version: str | None
    origin: str

    def is_old(self, today: date) -> bool:
        """Return whether the rules are older than about a year: a version names its year and its place in the year."""
        found = VERSION.fullmatch(self.version or "")
        return found is not None and today - _about(found) > MAX_ZONE_DATA_AGE


def _about(version: re.Match[str]) -> date:
    return date(int(version[1]), 1, 1) + (ord(version[2][0]) - ord("a")) * LETTER


def of_package() -> str | None:
    """Return the version of the `tzdata` package, or None if it is not installed. Does not import it."""
    spec = find_spec("tzdata")
    if spec is None or spec.origin is None:
        return None
    found = re.search(r'IANA_VERSION\s*=\s*"([^"]+)"', Path(spec.origin).read_text(encoding="utf-8"))
    return found[1] if found else None


def of_machine(paths: Sequence[str]) -> str | None:
    """Return the version of the machine's zone files; "" if they do not say, None if there are none."""
    for path in map(Path, paths):
        if not path.is_dir():
            continue
        for name in ("tzdata.zi", "+VERSION", "version"):
            try:
                with (path / name).open(encoding="utf-8") as file:
                    line = file.readline().strip()
            except OSError:
                continue
            found = FIRST_LINE.match(line)
            return found[1] if found else line
        return ""
    return None


def use_the_newer() -> Rules:
    """Use the newer rules, and return the choice. A path that the user has set in PYTHONTZPATH stays."""
    package, machine = of_package(), of_machine(zoneinfo.TZPATH)
    if os.environ.get(CHOSEN_BY_USER) or package is None:
        return Rules(machine or None, "the machine")
    if machine is None or package > machine:
        zoneinfo.reset_tzpath(to=())  # without a path the package is read
        return Rules(package, "the tzdata package")
    return Rules(machine or None, "the machine")


IN_USE = use_the_newer()
