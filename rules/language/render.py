"""Write a revision as YAML that reads as the same revision: one spelling for each meaning, in the language's order."""

from decimal import Decimal
from typing import Any

import yaml

from rules.language.canonical import document_of
from rules.model.revision import Revision

_WIDE = 4_096  # a condition stays on one line, so that an error in it has a column


class _Dumper(yaml.SafeDumper):
    """Writes plain documents. PyYAML quotes texts that any YAML reader could misread."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _decimal(dumper: _Dumper, value: Decimal) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:float", f"{value:f}")


_Dumper.add_representer(Decimal, _decimal)


def to_yaml(revision: Revision) -> str:
    """Return the revision's canonical document; `load` gives a revision with the same hash."""
    return as_yaml(document_of(revision))


def as_yaml(document: Any) -> str:
    """Return any plain document in the dialect that `load` reads."""
    return yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDE, default_flow_style=None
    )
