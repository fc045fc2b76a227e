"""A steady stream of signed webhooks: so many in a second, over kept connections, each answer timed."""

import http.client
import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

import orjson
from standardwebhooks.webhooks import Webhook

SENDERS = 8
PARTNERS = 200  # each signs again and again under another name, so that Integr8 itself does not grow meanwhile


class Stream:
    """Sends until it is stopped. `per_second` may be changed meanwhile; 0 is as fast as the endpoint answers.

    Each `partner_every` seconds a partner signs anew, which means calls to Integr8; to one half of the rest listens
    a rule that says no, to the other nobody.
    """

    def __init__(
        self,
        address: str,
        secret: str,
        tag: str,
        *,
        per_second: float,
        partner_every: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._host = urlsplit(address).netloc
        self._signing = Webhook(secret)
        self.tag = tag
        self._clock = clock
        self.per_second = per_second
        self._partner_every = partner_every
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._due = time.monotonic()
        self._partner_due = time.monotonic()
        self._stopping = threading.Event()
        self._seconds: list[float] = []
        self.sent = 0
        self.refused = 0  # got no 2xx; sent again
        self.partners: set[str] = set()
        self._signed = 0
        self._threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(SENDERS)]

    def start(self) -> "Stream":
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def taken(self) -> list[float]:
        """Seconds until each answer since the last look."""
        with self._lock:
            found, self._seconds = self._seconds, []
        return found

    def _next(self) -> tuple[float, str, bytes]:
        """When the next webhook is due, its delivery id and its body."""
        with self._lock:
            number, now = next(self._numbers), time.monotonic()
            at = max(self._due, now - 1) if self.per_second else now  # what could not be sent for long is not made up
            self._due = at + (1 / self.per_second if self.per_second else 0)
            if self._partner_every and now >= self._partner_due:
                self._partner_due = now + self._partner_every
                email = f"{self.tag}-{self._signed % PARTNERS}@example.com"
                self._signed += 1
                self.partners.add(email)
                body = {
                    "type": "partner.signed",
                    "number": f"{self.tag}-{number}",
                    "email": email,
                    "name": f"Partner {number}",
                }
            else:
                body = {"type": ("offer.bad", "order.paid")[number % 2], "number": f"{self.tag}-{number}", "offer": ""}
        return at, f"msg_{self.tag}_{number}", orjson.dumps(body)

    def _send_all(self) -> None:
        connection = http.client.HTTPConnection(self._host, timeout=10)
        while not self._stopping.is_set():
            at, delivery, body = self._next()
            self._stopping.wait(max(0.0, at - time.monotonic()))
            while not self._send(connection, delivery, body):
                with self._lock:
                    self.refused += 1
                time.sleep(0.2)
        connection.close()

    def _send(self, connection: http.client.HTTPConnection, delivery: str, body: bytes) -> bool:
        now = self._clock()
        headers = {
            "webhook-id": delivery,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signing.sign(delivery, now, body.decode()),
            "content-type": "application/json",
        }
        began = time.perf_counter()
        try:
            connection.request("POST", "/hooks/crm", body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return False
        with self._lock:
            self._seconds.append(time.perf_counter() - began)
            self.sent += answer.status < 300
        return answer.status < 300
