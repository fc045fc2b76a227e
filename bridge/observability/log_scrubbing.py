"""Scrub texts that leave the process: hide credentials and hash e-mail addresses, in logs and error reports."""

import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

#: Also international addresses (RFC 6531), quoted local parts, addresses at a bare IP address, and an encoded at sign.
#: Written so that a long text costs no more than its length.
NO_ATOM = r"""\s@\uff20<>()\[\]{},:;"'`=&?/\\|%"""
AT = r"(?:[@\uff20]|%(?:25){0,3}40)"
#: Signs that complete a letter, in Indic, Arabic, Hebrew and other scripts; `\w` leaves them out.
SIGNS = r"\u0300-\u036f\u0591-\u05c7\u0610-\u06ed\u0900-\u109f\u1780-\u17d3\u200c\u200d"
EMAIL = re.compile(
    rf"""(?<![^{NO_ATOM}])(?:[^{NO_ATOM}]|%(?!(?:25){{0,3}}40)|(?<=[^{NO_ATOM}])'(?=\w)"""
    rf"""|(?<![^.{NO_ATOM}])\\?"(?:[^"\\\r\n]|\\[^"]){{1,80}}+\\?"){{1,150}}+{AT}"""
    rf"""(?:\[(?:IPv6:)?[0-9A-Fa-f:.]++\]|(?:[^\W_][\w{SIGNS}-]{{0,62}}+[.\u3002\uff0e\uff61]){{1,20}}[^\W\d_][\w{SIGNS}-]*+)"""
)
#: Anything between the scheme and an at sign; a password may hold a slash, but what looks like a port is none.
IN_AUTHORITY = re.compile(
    r"""(?i)(?<![\w+.-])([a-z][a-z0-9+.-]*+://)(?:[^\s/?#"'<>]*|[^\s/?#:@]*:(?!\d+[/?#])[^\s@"'<>]*)@"""
)
#: Addresses of channels (`tgram://token/chat`) are credentials as a whole; those of servers are not.
CHANNEL = re.compile(
    r"(?i)(?<![\w+.-])((?!https?:|rediss?:|valkeys?:|postgres|sqlite|file:|unix:|wss?:|memory:)[a-z][a-z0-9+.-]*://)[^\s\"'<>]+"
)
IN_PATH = re.compile(
    r"(?i)(hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/webhooks/\d+/|office\.com/webhook(?:b2)?/"
    r"|/bot(?=\d+:))[^\s?\"'<>]+"
)
TOKEN_IN_URL = re.compile(
    r"(?i)([?&#;](?:[\w.-]*(?:token|secret|secure|signature|passw(?:or)?d|api[_-]?key|access[_-]?key)"
    r"|key|code|state|sig|auth|jwt)=)[^&\s\"'#]+"
)
#: Also encoded, as in an address inside another one. A token may hold slashes.
HOOK_TOKEN = re.compile(
    r"(/hooks/[^/\s?]*/)[^\s?\"'<>]+|((?i:%2Fhooks%2F)(?:(?!(?i:%2F))[^\s?&])*(?i:%2F))[^\s?&\"'<>]+"
)
OUR_TOKEN = re.compile(r"(?<![A-Za-z0-9])(ib_[0-9a-f]{4,}|whsec)_[A-Za-z0-9_=+/-]{8,}")
#: A credential as a header carries it, wherever it stands. `Basic` is a word of its own, so it has to look encoded.
SCHEME = re.compile(
    r"(?:\b|(?<=%3D))((?i:bearer))(?:\s|%20)+[A-Za-z0-9._~+/=-]{6,}"
    r"|(?:\b|(?<=%3D))((?i:basic))(?:\s|%20)+(?=[A-Za-z+/]*[0-9A-Z=])[A-Za-z0-9+/]{8,}={0,2}"
)
HEADER_VALUE = re.compile(
    r"(?i)\b(api-key|(?:proxy-)?authorization|(?:[a-z]{1,30}-){1,4}signature[a-z0-9-]{0,20}"
    r"|x-[a-z-]{0,40}(?:token|key|secret|hmac-[a-z0-9]{1,10}))"
    r"(['\"]?\s*[:=]\s*['\"]?)"
    r"(?:(?:digest|hawk|oauth|token(?=\s+\w+=)|aws4[\w-]*)\s[^\r\n]+"
    r"|(?:(?:bearer|basic|token|apikey)\s+)?[^\s'\",}]+(?:,[\w+/=-]+)*)"
)
#: `password=...` and `"password": "..."`; a sentence that begins with `password: ` is none.
NAMED_VALUE = re.compile(
    r"(?i)(?<![\w.-])([\w.-]*(?:token|secret|passw(?:or)?d|api[_-]?key)(?:=|['\"]\s*[:=]\s*(?=b?['\"])))"
    r"(?!\[hidden\])(?:b?\"(?:[^\"\\]|\\.)+\"|b?'(?:[^'\\]|\\.)+'|[^\s&'\",;)}]+)"
)
COOKIE = re.compile(r"(?i)\b((?:set-)?cookie)(['\"]?\s*[:=]\s*['\"]?)[^\s=;]+=[^\r\n'\"}]*")
#: Names whose value is never shown, wherever they turn up in a log call.
SECRET_NAME = re.compile(r"(?i)passw|secret|token|api.?key|authorization|cookie|^body$|^headers$")


def scrub_text(text: str) -> str:
    """Return the text with e-mail addresses hashed and credentials removed.

    Most texts have none of the characters that each of them needs: searching for those first is ten times as fast.
    """
    if "://" in text:
        text = IN_AUTHORITY.sub(r"\1[hidden]@", text)
        text = CHANNEL.sub(r"\1[hidden]", text)
        text = IN_PATH.sub(r"\1[hidden]", text)
    if ":" in text or "=" in text:
        text = COOKIE.sub(r"\1\2[hidden]", text)
        text = HEADER_VALUE.sub(r"\1\2[hidden]", text)
        text = NAMED_VALUE.sub(r"\1[hidden]", text)
    if " " in text or "\t" in text or "%20" in text:
        text = SCHEME.sub(lambda found: f"{found[1] or found[2]} [hidden]", text)
    if "_" in text:
        text = OUR_TOKEN.sub(r"\1_[hidden]", text)
    if "=" in text:
        text = TOKEN_IN_URL.sub(r"\1[hidden]", text)
    if "hooks" in text:
        text = HOOK_TOKEN.sub(lambda found: f"{found[1] or found[2]}[hidden]", text)
    if "@" in text or "40" in text or "\uff20" in text:
        text = EMAIL.sub(lambda found: f"email:{_hash(found[0])}", text)
    return text


def _hash(address: str) -> str:
    return sha256(re.sub(AT, "@", address).lower().encode()).hexdigest()[:10]


def scrub(value: Any, name: str = "") -> Any:
    """Clean a log field: hide values whose name announces a secret, and clean every text."""
    if name and SECRET_NAME.search(name):
        return "[hidden]"
    if isinstance(value, Mapping):
        return {key: scrub(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [scrub(item) for item in value]
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, BaseException):
        return scrub_text(str(value))
    return value.isoformat(" ", "seconds") if isinstance(value, datetime) else value
