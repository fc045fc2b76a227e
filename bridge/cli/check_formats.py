"""Write the findings of `check` in the formats of other programs: GitHub, SARIF, JUnit."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import quote
from xml.etree import ElementTree as ET

from bridge.operations.check import Findings
from bridge.version import VERSION

Level: TypeAlias = Literal["error", "warning"]
_PLACE = re.compile(r"(?P<file>[^:\n]+\.(?:ya?ml|csv|env)|\.env)(?::(?P<line>\d+))?(?::(?P<column>\d+))?: ", re.ASCII)
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `check` with a separate place; a finding about no single file has an empty place."""

    level: Level
    message: str
    file: str = ""
    line: int = 1
    column: int = 1


def findings(found: Findings, directory: Path) -> Iterator[Finding]:
    """Return every error and warning. Files are named relative to the current directory, as a repository names them."""
    lines: list[tuple[Level, str]] = [("error", text) for text in found.errors]
    lines += [("warning", text) for text in found.warnings]
    for level, text in lines:
        known = found.places.get(text)  # a file may have any name, a colon or a line break in it
        if known is not None:
            message = text.removeprefix(f"{known}: ")
            yield Finding(level, message, _named(directory, known.file), known.line, known.column)
            continue
        place = _PLACE.match(text)
        if place is None:
            yield Finding(level, text)
            continue
        line, column = int(place["line"] or 1), int(place["column"] or 1)
        yield Finding(level, text[place.end() :], _named(directory, place["file"]), line, column)


def _named(directory: Path, file: str) -> str:
    path = Path(file) if Path(file).is_absolute() else directory.resolve() / file
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else path.as_posix()


def github(found: Findings, directory: Path) -> str:
    """Return workflow commands, which GitHub shows as annotations of the lines."""
    return "\n".join(_annotation(one) for one in findings(found, directory))


def _annotation(one: Finding) -> str:
    where = f" file={_property(one.file)},line={one.line},col={one.column}" if one.file else ""
    return f"::{one.level}{where}::{_escaped(one.message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def sarif(found: Findings, directory: Path) -> str:
    """Return SARIF 2.1.0, which code scanning of GitHub and GitLab and editors read."""
    rule = {"id": "check", "shortDescription": {"text": "What integr8-bridge check found"}}
    driver = {"name": "integr8-bridge", "version": VERSION, "rules": [rule]}
    results = [_result(one) for one in findings(found, directory)]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _result(one: Finding) -> dict[str, Any]:
    result: dict[str, Any] = {"ruleId": "check", "level": one.level, "message": {"text": one.message}}
    if one.file:
        region = {"startLine": one.line, "startColumn": one.column}
        place = {"artifactLocation": {"uri": quote(one.file)}, "region": region}
        result["locations"] = [{"physicalLocation": place}]
    return result


def junit(found: Findings, directory: Path) -> str:
    """Return JUnit's XML: a passed case for each rule, a failed one for each error; warnings are in the output.

    It matches the schema of Ant's reports (JUnit.xsd), the strictest of those in use, and so the others too.
    """
    every = list(findings(found, directory))
    failed = [one for one in every if one.level == "error"]
    counts = {"tests": str(len(found.rules) + len(failed)), "failures": str(len(failed)), "errors": "0"}
    root = ET.Element("testsuites")
    made = {"timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}", "hostname": "localhost", "id": "0"}
    named = {"name": "integr8-bridge check", "package": "integr8-bridge", "skipped": "0", "time": "0"}
    suite = ET.SubElement(root, "testsuite", {**named, **made, **counts})
    ET.SubElement(suite, "properties")
    for rule in found.rules:
        ET.SubElement(suite, "testcase", {"classname": "rules", "name": rule, "time": "0"})
    for one in failed:
        place = f"{one.file}:{one.line}:{one.column}" if one.file else "check"
        case = ET.SubElement(suite, "testcase", {"classname": one.file or "check", "name": place, "time": "0"})
        said = _printable(one.message)
        ET.SubElement(case, "failure", {"message": said, "type": "check"}).text = f"{place}: {said}"
    warned = [f"{one.file}:{one.line}: {one.message}" for one in every if one.level == "warning"]
    ET.SubElement(suite, "system-out").text = _printable("\n".join(warned))
    ET.SubElement(suite, "system-err")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _printable(text: str) -> str:
    """Return the text without characters that XML cannot hold."""
    return "".join(one if one in "\n\t" or " " <= one < "\ud800" or "\ue000" <= one < "\ufffe" else "?" for one in text)


FORMATS: Mapping[str, Callable[[Findings, Path], str]] = {"github": github, "sarif": sarif, "junit": junit}
