"""The blueprint of all resources. A request with a parameter that would not be read is refused."""

from typing import Any

from flask import Request, abort, current_app
from flask_smorest import Blueprint as Described
from marshmallow import RAISE
from webargs import core
from webargs.flaskparser import FlaskParser

from bridge.web.problems import problem


class StrictParser(FlaskParser):
    """Refuses unknown query parameters: a filter with a typing error would return everything."""

    DEFAULT_UNKNOWN_BY_LOCATION = FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION | {"query": RAISE}

    def load_json(self, req: Request, schema: Any) -> Any:
        """Refuse an unreadable body: an ignored selection would mean everything."""
        if not req.get_data() and "Content-Type" in req.headers:
            text = "Content-Type announces a body, and none came; send {} where none of its fields is meant"
            abort(problem(400, "Cannot be read", text))
        if req.get_data() and not core.is_json(req.mimetype):
            text = f"the body is sent as {req.mimetype or 'nothing'}; send it with Content-Type: application/json"
            abort(problem(415, "Unsupported Media Type", text))
        if req.args and not _reads_query(req):
            names = ", ".join(sorted(req.args))
            text = f"{names}: belongs into the body, as JSON; the address takes no parameters here"
            abort(problem(422, "Unprocessable", text))
        return super().load_json(req, schema)


def _reads_query(request: Request) -> bool:
    described = getattr(current_app.view_functions[request.endpoint or ""], "_apidoc", {})
    parameters = described.get("arguments", {}).get("parameters", ())
    return any(one["in"] == "query" for one in parameters)


class Blueprint(Described):  # type: ignore[misc]  # flask-smorest is not typed
    """One resource of the API."""

    ARGUMENTS_PARSER = StrictParser()
