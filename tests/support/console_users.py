"""People in front of the console: what they see and press, and from where."""

import re

from flask import Flask
from made_once import TEMPLATES

from bridge.web import access, api, console, health, path_prefix, problems
from bridge.web.renamed_paths import with_old_paths

PASSWORD = "a few good words"


def new_app(services):
    """One web process of a service."""
    made = Flask("console", static_folder=None)
    made.jinja_options = {**made.jinja_options, "bytecode_cache": TEMPLATES}
    access.register(made, services)
    made.register_blueprint(health.blueprint(services))
    api.register(made, services)
    console.register(made, services)
    problems.register(made)
    path_prefix.register(made)
    made.wsgi_app = with_old_paths(made.wsgi_app)
    return made


class Browser:
    def __init__(self, app, address="127.0.0.1"):
        self.http = app.test_client()
        self.address = address

    def _ask(self, verb, path, **more):
        return self.http.open(path, method=verb, environ_overrides={"REMOTE_ADDR": self.address}, **more)

    def sign_in(self, name, password=PASSWORD, **fields):
        return self._ask("POST", "/login", data={"name": name, "password": password, **fields})

    def get(self, path):
        return self._ask("GET", path)

    def open(self, path, status=200):
        found = self.get(path)
        assert found.status_code == status, found.get_data(as_text=True)[:2000]
        return found.get_data(as_text=True)

    def is_in(self):
        return self.get("/activity").status_code == 200

    def press(self, page, path, **fields):
        secret = re.search(r'name="form" value="([^"]+)"', self.open(page))[1]
        answer = self._ask("POST", path, data={"form": secret, **fields}, follow_redirects=True)
        return answer.get_data(as_text=True)
