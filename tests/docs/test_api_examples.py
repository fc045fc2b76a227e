"""Every request that the page about the API shows is sent, and answered as the page says."""

import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from local_server import served

from bridge.store.roles import Role
from bridge.web.access import make

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "use-the-api.md"
REQUESTS = re.findall(r"```http\n(GET|POST) (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize(("verb", "path", "rest"), REQUESTS, ids=[f"{verb} {path}" for verb, path, _ in REQUESTS])
def test_a_request_of_the_page_is_answered(visited, lived_in, verb, path, rest):
    network = lived_in("shadow")
    with network.services.store.write() as session:
        token = make(session, name="x", role=Role.OPERATOR, who="test", now=datetime.now(UTC))
    lines = rest.splitlines()
    headers = dict(line.split(": ", 1) for line in lines if re.match(r"[A-Z][\w-]+: ", line))
    body = next((json.loads(line) for line in lines if line.startswith("{")), None)
    path += "?seconds=0" if path.endswith("/stream") else ""
    sent = headers | {"Authorization": f"Bearer {token}"}
    answer = visited.test_client().open(path, method=verb, headers=sent, json=body)
    assert answer.status_code in {200, 201, 202}, answer.get_data(as_text=True)


LINES = re.findall(r"```bash\n(curl .*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_every_curl_line_of_the_page_is_answered(visited, lived_in):
    network = lived_in("shadow")
    with network.services.store.write() as session:
        token = make(session, name="x", role=Role.OPERATOR, who="test", now=datetime.now(UTC))
    assert len(LINES) >= 3
    with served(visited) as address:
        for line in LINES:
            ran = subprocess.run(
                ["bash", "-c", line], env={"PATH": os.environ["PATH"], "TOKEN": token, "BRIDGE": address},
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert ran.returncode == 0, (line, ran.stdout, ran.stderr)
            assert "data" in json.loads(ran.stdout), line


def test_an_address_that_is_not_there_is_a_problem_document_as_shown(visited, lived_in):
    network = lived_in()
    shown = json.loads(re.search(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)[1])
    with network.services.store.write() as session:
        token = make(session, name="x", role=Role.VIEWER, who="test", now=datetime.now(UTC))
    answer = visited.test_client().get("/api/v1/runs/99", headers={"Authorization": f"Bearer {token}"})
    assert answer.get_json() == shown
