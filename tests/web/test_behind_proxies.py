"""The recipes in `deploy/proxy`, each with the real program where it is installed.

Only what a test machine cannot have is changed: the port, the name, the certificate. The rest is what people copy.
"""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from local_server import wait_for_port
from sqlalchemy import select
from web_service import TOKEN, web_service

from bridge.cli.local.supervisor import free_port
from bridge.store.journal import Event

RECIPES = Path(__file__).parents[2] / "deploy" / "proxy"
GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "behind-a-proxy.md"
SENDER = "203.0.113.9"  # who a proxy further out says that it is
PROGRAMS = ("nginx", "caddy", "haproxy")


def settings(text, *, public_url="https://bridge.example.com"):
    text = text.replace(
        'token: "${POSTBACK_TOKEN}", ', f'token: "${{POSTBACK_TOKEN}}", allow_ips: ["{SENDER}/32"], max_body: 2MB, '
    )
    return text + f"\npublic_url: {public_url}\ntrusted_proxies: [127.0.0.1/32]\n"


def nginx(place, server):
    """A whole configuration around a server block, all of whose files lie in this directory."""
    parts = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{part}_temp_path {place}/{part};\n" for part in parts)
    file = place / "nginx.conf"
    file.write_text(
        f"daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log {place}/errors;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{server}\n}}\n"
    )
    return ["nginx", "-c", str(file), "-e", f"{place}/errors"]


def recipe(program, place, port, behind):
    """The command that runs the recipe of a program on this port, before the service on that one."""
    if program == "nginx":
        text = (RECIPES / "nginx.conf").read_text()
        text = re.sub(r"(?m)^\s+ssl_certificate.*\n", "", text).replace("443 ssl", f"127.0.0.1:{port}")
        return nginx(place, text.replace("127.0.0.1:8000", f"127.0.0.1:{behind}"))
    if program == "caddy":
        text = (RECIPES / "Caddyfile").read_text().replace("127.0.0.1:8000", f"127.0.0.1:{behind}")
        # The test stands there.
        text = text.replace("flush_interval", "trusted_proxies 127.0.0.1/32\n\t\tflush_interval")
        named = re.sub(r"(?m)^bridge\.example\.com \{", f"http://:{port} {{\n\tbind 127.0.0.1", text)
        (place / "Caddyfile").write_text("{\n\tadmin off\n}\n" + named)
        return ["caddy", "run", "--config", str(place / "Caddyfile"), "--adapter", "caddyfile"]
    text = (RECIPES / "haproxy.cfg").read_text().replace("127.0.0.1:8000", f"127.0.0.1:{behind}")
    (place / "haproxy.cfg").write_text(re.sub(r"bind :443 .*", f"bind 127.0.0.1:{port}", text))
    return ["haproxy", "-db", "-f", str(place / "haproxy.cfg")]


def started(command, port, place):
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(place), "XDG_DATA_HOME": str(place)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    wait_for_port(port, process)
    return process


@pytest.fixture(scope="module", params=PROGRAMS)
def behind(request, tmp_path_factory, _valkey):
    """The service behind a proxy: a client of the proxy, and the service."""
    if shutil.which(request.param, path="/usr/sbin:/usr/bin") is None:
        pytest.skip(f"{request.param} is not installed")
    place, port = tmp_path_factory.mktemp(request.param), free_port()
    with web_service(place, f"{_valkey}/9", settings=settings) as service:
        process = started(recipe(request.param, place, port, service.port), port, place)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                yield client, service
        finally:
            process.terminate()
            process.wait(60)


def test_a_webhook_arrives_with_the_address_of_its_sender(behind):
    client, service = behind
    target = f"/hooks/postback/{TOKEN}?tx=a%2Fb&offer=1"
    assert client.get(target, headers={"X-Forwarded-For": SENDER}).status_code == 202
    assert client.get(target).status_code == 401  # nobody who is allowed
    with service.store.read() as session:
        [event] = session.scalars(select(Event).where(Event.source == "postback")).all()
        assert ["tx", "a/b"] in event.query


def test_a_large_body_is_refused_by_the_service_and_with_its_reason(behind):
    client, _ = behind
    for body in (b"x" * 3_000_000, iter([b"x" * 1_000_000] * 3)):  # announced, and in chunks
        answer = client.post(f"/hooks/postback/{TOKEN}", content=body, headers={"X-Forwarded-For": SENDER})
        assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


def test_cookies_are_secure_and_a_form_of_the_console_is_taken(behind):
    client, service = behind
    host = {"Host": "bridge.example.com"}
    made = service.run("users", "add", "boss", "--role", "admin", "--json")
    password = json.loads(made)["password"]
    sent = {"name": "boss", "password": password, "next": "/"}
    answer = client.post("/login", data=sent, headers=host | {"Origin": "https://bridge.example.com"})
    assert answer.status_code == 303, answer.text
    cookies = answer.headers.get_list("set-cookie")
    assert cookies
    assert all("Secure" in one and "HttpOnly" in one for one in cookies)
    other = client.post("/login", data=sent, headers=host | {"Origin": "https://evil.example"})
    assert other.status_code == 403


def test_the_event_stream_arrives_piece_by_piece(behind):
    client, service = behind
    token = service.run("tokens", "create", "reader", "--role", "viewer", "--json")
    key = json.loads(token)["token"]
    headers = {"Authorization": f"Bearer {key}"}
    with client.stream("GET", "/api/v1/activity/stream", params={"seconds": 50}, headers=headers) as answer:
        assert answer.status_code == 200
        began = time.monotonic()
        assert next(answer.iter_raw()).startswith(b"retry")
        assert time.monotonic() - began < 30  # long before it ends


@pytest.mark.parametrize("taken_away", [False, True])
def test_below_a_path(tmp_path, redis_url, taken_away):
    if shutil.which("nginx", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("nginx is not installed")
    [block] = re.findall(r"```nginx\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    port = free_port()
    with web_service(
        tmp_path, redis_url, settings=lambda text: settings(text, public_url="https://example.com/bridge")
    ) as service:
        there = f"http://127.0.0.1:{service.port}{'/' if taken_away else ''};"
        block = block.replace("http://127.0.0.1:8000;", there)
        process = started(nginx(tmp_path, f"server {{ listen 127.0.0.1:{port};\n{block} }}"), port, tmp_path)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                page = client.get("/bridge/activity")
                assert page.headers["location"] == "/bridge/login?next=/activity"
                login = client.get("/bridge/login")
                assert 'href="/bridge/' in login.text
                style = re.search(r'href="(/bridge/[^"]+\.css)"', login.text)[1]
                assert client.get(style).status_code == 200
                assert client.get("/bridge/readyz").status_code in (200, 503)
                hook = client.get(f"/bridge/hooks/postback/{TOKEN}?tx=1", headers={"X-Forwarded-For": SENDER})
                assert hook.status_code == 202
        finally:
            process.terminate()
            process.wait(60)
    assert "https://example.com/bridge/hooks/postback" in service.run("sources", "url", "postback")
