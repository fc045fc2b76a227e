"""Write a generated part into a page that is otherwise written by hand."""

from pathlib import Path


def put(target: Path, name: str, text: str) -> None:
    """Replace what stands between the markers of this part; `make` has a target of its first word.

    Exits with a sentence where the markers are missing.
    """
    start, end = f"<!-- {name}: start, written by make {name.partition(' ')[0]} -->", f"<!-- {name}: end -->"
    before, found, rest = target.read_text().partition(start)
    _, found_too, after = rest.partition(end)
    if not (found and found_too):
        raise SystemExit(f"{target}: the markers {start} and {end} are missing")
    target.write_text(f"{before}{start}\n\n{text}\n{end}{after}")
