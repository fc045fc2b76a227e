"""Send postbacks, eight at a time. Nothing else in the simulator calls other servers."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx

from bridge.simulator.postbacks import Due, Send, deliver

ANSWER_TIMEOUT = 5.0  # seconds; Integr8's own timeout is not documented
AT_ONCE = 8


class Sender:
    """Sends postbacks. It creates connections and threads when the first postback leaves."""

    def __init__(self, send: Send | None = None) -> None:
        self._send = send
        self._client: httpx.Client | None = None
        self._pool: ThreadPoolExecutor | None = None

    def send_all(self, jobs: list[tuple[Due, dict[str, str]]]) -> list[tuple[str, int, str]]:
        """Send in the order of `jobs`; returns address, status (0: no answer) and text of each."""
        if not jobs:
            return []
        send, pool = self._send or self._over_http, self._ready()
        return list(pool.map(lambda job: deliver(job[0], job[1], send), jobs))

    def _ready(self) -> ThreadPoolExecutor:
        if self._client is None and self._send is None:
            self._client = httpx.Client(timeout=ANSWER_TIMEOUT, follow_redirects=False, trust_env=False)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="postback")
        return self._pool

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        if self._client is not None:
            self._client.close()

    def _over_http(self, method: str, url: str, headers: Mapping[str, str], body: str) -> tuple[int, str]:
        assert self._client is not None, "opened before anything is sent"
        try:
            answer = self._client.request(method, url, headers=dict(headers), content=body.encode() or None)
        except httpx.HTTPError as error:
            return 0, f"{type(error).__name__}: {error}"
        return answer.status_code, answer.text
