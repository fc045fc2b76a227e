"""Messages for people, through Apprise: Slack, Teams, Telegram, mail and the rest."""

from apprise import Apprise, NotifyFormat

from bridge.outbound.channels import Channel
from bridge.outbound.webhook import Attempt


def send(channel: Channel, title: str, text: str) -> Attempt:
    """Send one message to every address of the channel.

    An object of its own for each message: Apprise keeps state while it sends, and workers have threads.
    """
    messenger = Apprise()
    for url in channel.apprise:
        messenger.add(url)
    if messenger.notify(body=text, title=title, body_format=NotifyFormat.TEXT):
        return Attempt("taken")
    return Attempt("again", f"{channel.name} did not take the message; the log of apprise says why")
