"""A program that speaks with the REST API."""

from typing import Any

from flask import Flask

from bridge.services.container import Services
from bridge.web import access, api, health, problems


def api_of(services: Services) -> Flask:
    """The API of a service as an application of its own."""
    made = Flask("api")
    access.register(made, services)
    made.register_blueprint(health.blueprint(services))
    api.register(made, services)
    problems.register(made)
    return made


class Caller:
    def __init__(self, app: Flask, token: str | None) -> None:
        self._http = app.test_client()
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, status: int = 200, **query: Any) -> Any:
        return self._answer(self._http.get(f"/api/v1{path}", headers=self._headers, query_string=query), status)

    def post(self, path: str, status: int = 200, **body: Any) -> Any:
        return self._answer(self._http.post(f"/api/v1{path}", headers=self._headers, json=body), status)

    def delete(self, path: str, status: int = 200) -> Any:
        return self._answer(self._http.delete(f"/api/v1{path}", headers=self._headers), status)

    @staticmethod
    def _answer(found: Any, status: int) -> Any:
        assert found.status_code == status, found.get_data(as_text=True)
        return found.get_json()
