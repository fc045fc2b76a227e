"""The blueprint of all resources. A request with an unknown parameter is refused."""

from flask_smorest import Blueprint as Described
from marshmallow import RAISE
from webargs.flaskparser import FlaskParser


class StrictParser(FlaskParser):
    """A filter with a typing error in its name would answer with everything."""

    DEFAULT_UNKNOWN_BY_LOCATION = FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION | {"query": RAISE}


class Blueprint(Described):  # type: ignore[misc]  # flask-smorest is not typed
    """One resource of the API."""

    ARGUMENTS_PARSER = StrictParser()
