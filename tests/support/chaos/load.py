"""A CRM that signs its webhooks and repeats each until it is answered with 2xx, as senders do."""

import random
import threading
import time
import uuid
from contextlib import suppress

import httpx
import orjson
from standardwebhooks.webhooks import Webhook

PATIENCE = 120.0  # seconds until the sender gives up; a round that needs longer has failed


class Load:
    """One round: new partners and bad offers, every name used in this round only.

    `answered` maps each delivery that got a 2xx to the event id in the answer.
    """

    def __init__(self, rig, *, partners: int = 20, offers: int = 20, copies: int = 1, senders: int = 4, seed=0) -> None:
        self._rig = rig
        self._senders = senders
        tag = uuid.uuid4().hex[:8]
        self.emails = [f"p{number}-{tag}@example.com" for number in range(partners)]
        self.offers = [self._offer(f"Offer {number} {tag}") for number in range(offers)]
        bodies = [
            {"type": "partner.signed", "number": f"{email}", "email": email, "name": email.partition("@")[0]}
            for email in self.emails
        ] + [{"type": "offer.bad", "number": f"{tag}-{offer}", "offer": offer} for offer in self.offers]
        self._all = [(f"msg_{tag}_{number}", body) for number, body in enumerate(bodies)]
        self._work = self._all * copies
        random.Random(seed).shuffle(self._work)
        self.requests = len(self._work)
        self.found: list[str] = []  # offers that a rule has to find in the reports, and to pause
        self.answered: dict[str, str] = {}
        self.repeats = 0  # sendings that got no 2xx
        self.disagreements: list[str] = []  # one delivery, two event ids
        self._lock = threading.Lock()
        self._threads = self._made_ready()

    def _made_ready(self) -> list[threading.Thread]:
        return [threading.Thread(target=self._send_all, daemon=True) for _ in range(self._senders)]

    def again(self, rig) -> "Load":
        """The sender goes through its day once more, at another address perhaps. What counts is its answer now."""
        self._rig, self._work, self.answered = rig, list(self._all), {}
        self._threads = self._made_ready()
        return self.start()

    @property
    def unanswered(self) -> int:
        return len(self.emails) + len(self.offers) - len(self.answered)

    def _offer(self, name: str) -> str:
        made = self._rig.integr8.post("/_sim/entities/offers", json={"name": name, "active": True})
        return str(made.raise_for_status().json()["id"])

    def start(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def finish(self) -> None:
        self._rig.until(lambda: not any(one.is_alive() for one in self._threads), "the sender is answered", PATIENCE)

    def flood(self, *, count: int, size: int, senders: int) -> None:
        """Big webhooks beside the round's own. Nobody listens to them; each must be answered, whatever the answer."""
        body = orjson.dumps({"type": "noise", "text": "x" * size}).decode()
        work = iter(range(count))  # a range iterator is shared safely

        def send() -> None:
            with httpx.Client(base_url=self._rig.stack.address, timeout=30) as http:
                for number in work:
                    delivery = f"flood_{id(work)}_{number}"
                    http.post("/hooks/crm", content=body, headers=self._signed(delivery, body))

        threads = [threading.Thread(target=_quietly, args=(send,), daemon=True) for _ in range(senders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send_all(self) -> None:
        with httpx.Client(base_url=self._rig.stack.address, timeout=10) as http:
            while True:
                with self._lock:
                    if not self._work:
                        return
                    delivery, body = self._work.pop()
                self._send(http, delivery, orjson.dumps(body).decode())

    def _send(self, http: httpx.Client, delivery: str, body: str) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                answer = http.post("/hooks/crm", content=body, headers=self._signed(delivery, body))
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.is_success:
                self._note(delivery, answer.json()["event_id"])
                return
            with self._lock:
                self.repeats += 1
            time.sleep(0.2)

    def _note(self, delivery: str, event_id: str) -> None:
        with self._lock:
            if self.answered.setdefault(delivery, event_id) != event_id:
                self.disagreements.append(delivery)

    def _signed(self, delivery: str, body: str) -> dict[str, str]:
        now = self._rig.now()
        return {
            "webhook-id": delivery,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self._rig.secret).sign(delivery, now, body),
            "content-type": "application/json",
        }


def _quietly(send) -> None:
    """What gets no answer is not what such a round is about."""
    with suppress(httpx.HTTPError, StopIteration):
        send()
