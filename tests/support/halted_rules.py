"""Rules to halt: two that make publishers of one event, one that pauses the offer of an event, and offers to pause."""

from network import Network
from rule_texts import onboarding_rule

GREET = onboarding_rule("greet", email="{{ body.email }}")
ALSO = onboarding_rule("also", email="also-{{ body.email }}")
ALL = "{at_most: {targets: 50, share: 100%}}"
CLOSE = """
schema: 1
id: close
mode: live
trigger: {webhook: {source: crm}}
when: {all: [body.stop = true]}
then: [{pause: offer, which: "{{ body.offer }}", hold: 12h}]
guards: {at_most: {targets: 50, share: 100%}}
"""


def bad_offers(network: Network) -> Network:
    """Add two offers that a rule pauses, of two advertisers."""
    for name in ("North", "South"):
        advertiser = network.world.advertiser(name)
        network.world.offer(f"Bad {name}", clicks=1000, conversions=1, active=True, advertiser=advertiser)
    return network
