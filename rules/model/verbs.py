"""Define every action verb once. What a rule may write, what it wants, and how its results read come from here.

A new verb is a row of `VERBS` and a module of the same name in `bridge/effects/handlers`, which carries it out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

ENTITIES = ("offer", "publisher", "advertiser", "user", "offer_event", "landing_page")
BELOW_OFFER = ("offer_event", "landing_page")  # found by their offer alone, which Integr8 wants in each call
SWITCHABLE = tuple(kind for kind in ENTITIES if kind != "user")  # what Integr8 can make active and inactive

#: What follows the verb in YAML: one of `targets`, an operation of the catalogue, a channel, or a request.
Object: TypeAlias = Literal["kind", "operation", "channel", "request"]
#: What names the target: the subject's own id of that kind (or `which`), the natural key, or the subject itself.
Identity: TypeAlias = Literal["entity", "key", "subject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerbSpec:
    """One action verb."""

    meaning: str  # one sentence for the reference
    example: str  # a whole step
    past: str  # "offer 42 paused"
    object: Object = "kind"
    targets: tuple[str, ...] = ()  # the kinds that may follow, where `object` is "kind"
    target_kind: str | None = None  # the kind of its targets where the word behind the verb does not say it
    identity: Identity = "entity"
    takes: frozenset[str] = frozenset()  # keys beside the verb and `id`
    required: Mapping[str, str] = field(default_factory=dict)  # key → what it is for, said where it is missing
    fields_of_target: bool = False  # `with` holds fields of the target, checked against those that Integr8 documents
    generates: bool = False  # `password: generate` makes a secret
    wanted: Mapping[str, Any] = field(default_factory=dict)  # the state it always wants, beside key and `with`
    deactivates: bool = False  # takes traffic away
    activates: bool = False  # gives traffic back
    holds: bool = False  # its targets are held, and can come back by themselves
    creates: bool = False  # makes the target where it is missing
    inverse: str | None = None  # the verb that undoes it
    one_way: str = ""  # why nothing undoes it
    companion: bool = False  # goes with a change: where nothing changes, it does not happen
    limited: bool = True  # counts for limits on how many targets a plan may touch
    topic: str | None = None  # the notification about it


VERBS: Mapping[str, VerbSpec] = {
    "pause": VerbSpec(
        meaning="Deactivate the target and hold it; it is activated again when the hold ends.",
        example="{pause: offer, hold: 12h}",
        past="paused",
        targets=SWITCHABLE,
        takes=frozenset({"which", "hold"}),
        wanted={"active": False},
        deactivates=True,
        holds=True,
        inverse="activate",
        topic="paused",
    ),
    "activate": VerbSpec(
        meaning="Activate the target.",
        example="{activate: offer}",
        past="activated",
        targets=SWITCHABLE,
        takes=frozenset({"which"}),
        wanted={"active": True},
        activates=True,
        inverse="pause",
        topic="activated",
    ),
    "ensure": VerbSpec(
        meaning="Find the target by its key, create it if it is missing, and update it if it differs.",
        example='{ensure: publisher, key: {email: "{{ body.email }}"}, with: {active: true}}',
        past="updated",
        targets=ENTITIES,
        identity="key",
        takes=frozenset({"key", "with", "deliver_secret_to"}),
        required={"key": "the fields by which the thing is found, so that it is not made twice"},
        fields_of_target=True,
        generates=True,
        creates=True,
        inverse="archive",
        topic="updated",
    ),
    "update": VerbSpec(
        meaning="Set fields of the target.",
        example="{update: offer, with: {visibility: private}}",
        past="updated",
        targets=ENTITIES,
        takes=frozenset({"which", "with"}),
        required={"with": "the fields to set"},
        fields_of_target=True,
        generates=True,
        inverse="update",
        topic="updated",
    ),
    "archive": VerbSpec(
        meaning="Remove the target. Integr8 cannot restore it.",
        example='{archive: landing_page, which: "{{ body.id }}"}',
        past="archived",
        targets=ENTITIES,
        takes=frozenset({"which"}),
        wanted={"archived": True},
        deactivates=True,
        one_way="Integr8 cannot restore an archived object",
        topic="archived",
    ),
    "call": VerbSpec(
        meaning="Call any operation of Integr8's API by its name. `with` holds the parameters of its path and query, "
        "and the fields of its body.",
        example='{call: landing_pages.create, with: {offerID: "{{ offer.id }}", name: Summer, '
        'redirect_url: "https://example.com/summer"}}',
        past="called",
        object="operation",
        identity="subject",
        takes=frozenset({"with"}),
        generates=True,
        one_way="the call cannot be undone",
        companion=True,
    ),
    "reject": VerbSpec(
        meaning="Reject a conversion.",
        example='{reject: conversion, which: "{{ body.transaction_id }}", with: {reason: fraud}}',
        past="rejected",
        targets=("conversion",),
        takes=frozenset({"which", "with"}),
        required={"which": "the conversion's transaction id"},
        wanted={"status": "rejected"},
        one_way="a rejected conversion stays rejected",
        topic="rejected",
    ),
    "http": VerbSpec(
        meaning="Send one request to a server that `http.allow` in bridge.yaml names.",
        example='{http: {url: "https://crm.example.com/offers", body: {offer: "{{ offer.id }}"}}}',
        past="requested",
        object="request",
        target_kind="http",
        identity="subject",
        generates=True,
        one_way="the request cannot be undone",
        companion=True,
        limited=False,
    ),
    "notify": VerbSpec(
        meaning="Send a message to a channel of bridge.yaml, or to each of a list: `notify: [traffic, ops]`. Under "
        "`with`, `text` is one text or one for each channel, and `severity` is info, warning or critical.",
        example='{notify: traffic, with: {text: "{{ offer.id }} needs a look"}}',
        past="notified",
        object="channel",
        target_kind="channel",
        identity="subject",
        takes=frozenset({"with"}),
        one_way="a sent message cannot be recalled",
        companion=True,
        limited=False,
    ),
}
ACTIVE = "active"  # the field that says whether an entity runs


def that_sets(wanted: Mapping[str, Any]) -> str:
    """Return the verb for this state: `pause` for {"active": False}; else `update`."""
    return next((name for name, verb in VERBS.items() if verb.wanted and verb.wanted == wanted), "update")


def stops_traffic(verb: str, wanted: Mapping[str, Any]) -> bool:
    """Return whether such an effect deactivates something, by any verb."""
    return VERBS[verb].deactivates or wanted.get(ACTIVE) is False


def starts_traffic(verb: str, wanted: Mapping[str, Any]) -> bool:
    """Return whether such an effect activates something."""
    return VERBS[verb].activates or wanted.get(ACTIVE) is True
