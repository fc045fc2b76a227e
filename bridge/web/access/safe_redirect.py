"""Choose the page after sign-in: always a page of this console, whatever the form asked for."""

import unicodedata
from urllib.parse import urljoin, urlsplit, urlunsplit

START_PAGE = "/"
HERE = "https://console.invalid/"  # a base to resolve against; nothing is ever sent there
MAX_ADDRESS_CHARS = 2000  # characters; an address that somebody typed or followed is far shorter


def own_page(wanted: str) -> str:
    """Return the wanted page if it is one of ours, else the start page.

    Browsers drop control characters and read a backslash as a slash, so a text with either is refused before it is
    parsed. The rest is resolved as a browser does it, and its origin is compared.
    """
    if not wanted.startswith("/") or wanted.startswith("//") or len(wanted) > MAX_ADDRESS_CHARS or _is_odd(wanted):
        return START_PAGE
    try:
        there, here = urlsplit(urljoin(HERE, wanted)), urlsplit(HERE)
    except ValueError:
        return START_PAGE
    if (there.scheme, there.netloc) != (here.scheme, here.netloc) or there.path.startswith("//"):
        return START_PAGE
    return urlunsplit(("", "", there.path, there.query, there.fragment))


def _is_odd(text: str) -> bool:
    return "\\" in text or any(unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for one in text)
