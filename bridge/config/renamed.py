"""Names that changed: the old one works for one version and warns. `docs/reference/renamed.md` is made from this."""

from dataclasses import dataclass

from bridge.sources.schema import RENAMED as SOURCE_KEYS


@dataclass(frozen=True, slots=True)
class Renamed:
    """One public name. `kind` says where it is used: "bridge.yaml", "metric", "API field", "CLI option", ..."""

    kind: str
    old: str
    new: str
    since: str


RENAMED: tuple[Renamed, ...] = (
    *(
        Renamed("bridge.yaml", f"sources.NAME.{old}", f"sources.NAME.{new}", "0.2.0")
        for old, new in SOURCE_KEYS.items()
    ),
    Renamed("API field", "sources: proof", "sources: authentication", "0.2.0"),
    Renamed("JSON of sources list", "proof", "authentication", "0.2.0"),
)
