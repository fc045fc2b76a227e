"""Public holidays of countries, by the package `holidays`: its tables name the days, nothing is fetched."""

from datetime import date
from functools import cache, lru_cache

from rules.model.spelling import listed, nearest


def problem(country: str, subdivision: str | None = None) -> str | None:
    """Return the problem with a country (ISO 3166, `DE`) or a subdivision of it (`BY`), or None."""
    known = _countries()
    if country not in known:
        meant = country.upper() if country.upper() in known else nearest(country.upper(), known)
        hint = f"; did you mean '{meant}'?" if meant else '; write two letters, such as "DE"'
        return f"the holidays of '{country}' are not known{hint}"
    if subdivision is None or subdivision in known[country]:
        return None
    if not known[country]:
        return f"of {country} no parts are known; leave '{subdivision}' out"
    return f"{country} has no part '{subdivision}'; use {listed(known[country])}"


def is_holiday(day: date, country: str, subdivision: str | None = None) -> bool | None:
    """Return whether a day is a public holiday there; None if the country or its part is unknown."""
    if problem(country, subdivision):
        return None
    return day in _days(country, subdivision, day.year)


@cache
def _countries() -> dict[str, list[str]]:
    from holidays import list_supported_countries  # noqa: PLC0415 - only rules that ask for holidays pay for it

    return dict(list_supported_countries(include_aliases=False))


@lru_cache(maxsize=1_000)
def _days(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    from holidays import country_holidays  # noqa: PLC0415 - only rules that ask for holidays pay for it

    return frozenset(country_holidays(country, subdiv=subdivision, years=year))
