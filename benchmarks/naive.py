"""The simplest program for the same job: a route sends a task for each webhook, the task makes a call for each match.

Nothing is on disk before the answer, nothing is signed, nothing is explained. `bare` is a route that does nothing.
"""

import os
from typing import Any

import httpx
from celery import Celery
from flask import Flask, request

celery = Celery("naive", broker=os.environ.get("BENCH_REDIS"))
celery.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)
client = httpx.Client()


@celery.task(name="naive.react")
def react(body: dict[str, Any]) -> None:
    if body["amount"] >= 50:
        client.post(f"{os.environ['BENCH_SINK']}/{body['id']}", json={"active": False}).raise_for_status()


def app() -> Flask:
    made = Flask("naive")

    @made.post("/hooks/crm")
    def take() -> tuple[dict[str, bool], int]:
        react.delay(request.get_json())
        return {"taken": True}, 202

    @made.post("/bare")
    def nothing() -> tuple[dict[str, bool], int]:
        return {"taken": True}, 202

    return made
