"""What goes to the log and to Sentry, looked at from outside: a process of its own, and everything that it sent."""

import subprocess
import sys

import pytest

SECRETS = ("hunter2secret", "ann@example.com", "apikeyvalue123", "bodytext77", "localvalue99", "querytoken55")

#: Secrets come as arguments: lines of source go to Sentry, and in a program's own lines they would be no leak.
SENT_TO_SENTRY = """
import sys
from flask import Flask, request
import sentry_sdk
from bridge.observability.sentry import set_up_sentry, tag
from bridge.config.settings import Sentry

class Kept(sentry_sdk.transport.Transport):
    def capture_envelope(self, envelope):
        sys.stdout.buffer.write(envelope.serialize())

sentry = Sentry("http://key@127.0.0.1:9/1", traces_sample_rate=1.0)
set_up_sentry(sentry, process="web", environment="test", release="0", transport=Kept)
app = Flask("webhooks")

@app.post("/hooks/<source>/<token>")
def webhook(source, token):
    password, mail, key, body, secret, query = sys.argv[1:]
    tag(source=source)
    sentry_sdk.add_breadcrumb(message=f"for {mail}", data={"password": password})
    sentry_sdk.set_user({"email": mail})
    request.get_json()
    raise RuntimeError(f"cannot reach {mail} with Api-Key: {key} at /x?token={query}")

def call(password, mail, key, body, secret, query):
    app.test_client().post(
        f"/hooks/crm/{password}?token={query}",
        json={"password": password, "note": body},
        headers={"Authorization": f"Bearer {password}", "Cookie": f"bridge={password}"},
    )

call(*sys.argv[1:])
sentry_sdk.flush()
"""

WRITTEN_TO_THE_LOG = """
import logging, sys
import structlog
from bridge.observability.logs import set_up_logs

set_up_logs(sys.argv[1], process="web")
log = structlog.get_logger()
log.warning("webhook", password="hunter2secret", headers={"Api-Key": "apikeyvalue123"}, body="bodytext77")
log.warning("asked /hooks/crm/hunter2secret?token=querytoken55 for ann@example.com")
log.warning("deep", found=[{"api_key": "apikeyvalue123", "who": "ann@example.com"}])
logging.getLogger("library").warning("Authorization: hunter2secret at /x?secret=querytoken55")
try:
    raise RuntimeError("ann@example.com")
except RuntimeError:
    log.exception("failed")
"""


def output(program, *arguments):
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True, timeout=60
    )


@pytest.mark.slow
def test_no_secret_reaches_sentry_and_the_fault_does():
    sent = output(SENT_TO_SENTRY, *SECRETS).stdout
    assert "RuntimeError" in sent
    assert '"source":"crm"' in sent.replace(": ", ":")
    assert [secret for secret in SECRETS if secret in sent] == []


@pytest.mark.slow
def test_no_secret_reaches_the_log_in_either_style():
    for style in ("console", "json"):
        written = output(WRITTEN_TO_THE_LOG, style).stderr
        assert "webhook" in written
        assert "failed" in written
        assert [secret for secret in SECRETS if secret in written] == []
