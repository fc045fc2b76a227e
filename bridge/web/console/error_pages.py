"""Errors as pages: the same content as the problem documents of the API."""

from flask import Response, current_app, g, render_template, request

from bridge.web.console.blueprint import blueprint

PROGRAMS = ("/api/", "/hooks/", "/healthz", "/readyz", "/metrics")
FAULT = 500  # from here on the database may be what is wrong, so the page must not ask it


@blueprint.after_app_request
def as_page(answer: Response) -> Response:
    """Return a page instead of the document if a browser asks for a page."""
    if answer.mimetype != "application/problem+json" or request.path.startswith(PROGRAMS) or not _browser():
        return answer
    problem = answer.get_json()
    if answer.status_code >= FAULT:
        text = current_app.jinja_env.get_template("fault.html").render(problem=problem)
    else:
        text = render_template("refusal.html", problem=problem, now=g.services.clock())
    answer.set_data(text)
    answer.content_type = "text/html; charset=utf-8"
    return answer


def _browser() -> bool:
    accepts = request.accept_mimetypes
    return accepts["text/html"] > accepts["application/problem+json"]
