"""Send messages to people through Apprise: Slack, Teams, Telegram, mail and others."""

from importlib import import_module

from bridge.outbound.channels import Channel
from bridge.outbound.signed_webhook import Attempt


def send(channel: Channel, title: str, text: str) -> Attempt:
    """Send one message to every address of the channel.

    Each message has its own object: Apprise keeps state while it sends, and workers have threads.
    """
    apprise = import_module("apprise")  # loads 130 plugins: only a process that really sends pays for them
    messenger = apprise.Apprise()
    for url in channel.apprise:
        messenger.add(url)
    if messenger.notify(body=text, title=title, body_format=apprise.NotifyFormat.TEXT):
        return Attempt("taken")
    return Attempt("again", f"{channel.name} did not take the message; the log of apprise says why")
