"""Deliver one outgoing webhook: sign it as Standard Webhooks defines, and interpret the answer."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from bridge.integr8.error_text import retry_after
from bridge.outbound.channels import Channel
from bridge.outbound.http import Answer, Bounds, NoAnswer, NotSent, Outgoing, Refused

Result: TypeAlias = Literal["taken", "again", "refused", "gone"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of one attempt.

    taken: 2xx. again: try later. refused: by us, another attempt changes nothing. gone: 410, never again.
    """

    result: Result
    words: str = ""
    status: int | None = None
    asked: timedelta | None = None  # Retry-After


def client(channel: Channel) -> Outgoing:
    """Return a client for this endpoint only. It does not follow redirects."""
    assert channel.webhook is not None
    bounds = Bounds(time=channel.timeout, answer=4_096)
    return Outgoing([channel.webhook], private=channel.private, bounds=bounds)


def attempt(outgoing: Outgoing, channel: Channel, message_id: str, body: str, now: datetime) -> Attempt:
    """Send once. Never raises for errors of the other side."""
    try:
        answer = outgoing.send("POST", channel.url, headers=signed(channel, message_id, body, now), body=body.encode())
    except Refused as error:
        return Attempt("refused", error.words)
    except (NotSent, NoAnswer) as error:
        return Attempt("again", error.words)
    return classify(answer, now)


def signed(channel: Channel, message_id: str, body: str, now: datetime) -> dict[str, str]:
    """Return the headers of a message.

    All keys sign, the newest first, so that a receiver may change its key any time.
    """
    stamp = now.astimezone(UTC)
    return {
        "Content-Type": "application/json",
        "User-Agent": "integr8-bridge",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(stamp.timestamp())),
        "webhook-signature": " ".join(key.sign(message_id, stamp, body) for key in channel.keys),
    }


def classify(answer: Answer, now: datetime) -> Attempt:
    """Classify an answer. Only 2xx is a success. A 4xx is repeated too, because a broken receiver may be mended."""
    if 200 <= answer.status < 300:
        return Attempt("taken", status=answer.status)
    if answer.status == 410:
        return Attempt("gone", "the endpoint answered 410 Gone", answer.status)
    asked = retry_after(answer.headers, now)
    pause = timedelta(seconds=asked) if asked else None
    return Attempt("again", f"the endpoint answered HTTP {answer.status}", answer.status, pause)
