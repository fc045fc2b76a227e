"""The headers that every answer carries: content security policy, no sniffing, no frames, no referrer, no cache."""

from flask import Response

#: Nothing from elsewhere, nothing inline: a name out of Integr8 that got through as markup could still run nothing.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
}


def add_security_headers(answer: Response) -> Response:
    """Add each header that the view has not set itself."""
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer
