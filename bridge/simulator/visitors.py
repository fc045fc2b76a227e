"""The origins of clicks: a fixed set of countries, devices and browsers that rows refer to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Visitor:
    country: str
    city: str
    os: str
    os_version: str
    browser: str
    browser_version: str
    language: str
    masked_ip: str  # addresses come partly masked from reports

    @property
    def user_agent(self) -> str:
        return f"Mozilla/5.0 ({self.os} {self.os_version}) {self.browser}/{self.browser_version}"


_PLACES = (
    ("DE", "Berlin", "de-DE", "84.128.0"),
    ("US", "Chicago", "en-US", "73.44.12"),
    ("FR", "Lyon", "fr-FR", "90.12.7"),
    ("ES", "Valencia", "es-ES", "83.45.9"),
    ("BR", "Recife", "pt-BR", "177.3.20"),
    ("PL", "Gdansk", "pl-PL", "89.64.3"),
    ("GB", "Leeds", "en-GB", "81.2.69"),
    ("IT", "Turin", "it-IT", "79.8.61"),
)
_DEVICES = (
    ("Android", "15", "Chrome", "141.0"),
    ("iOS", "18.2", "Safari", "18.2"),
    ("Windows", "11", "Edge", "141.0"),
    ("macOS", "15.1", "Firefox", "145.0"),
)
VISITORS = tuple(
    Visitor(country, city, os, os_version, browser, version, language, f"{net}.xxx")
    for country, city, language, net in _PLACES
    for os, os_version, browser, version in _DEVICES
)
