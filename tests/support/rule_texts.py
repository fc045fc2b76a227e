"""The rules that most tests use: pause an offer that hardly converts, make a publisher of a webhook."""

GUARDS = "{at_most: {targets: 50, share: 90%}}"


def pause_rule(
    mode: str = "live",
    *,
    title: str = "",
    every: str = "15m",
    where: str = ", where: {offer.active: true}",
    scope: str = "",
    window: str = "24h",
    clicks: int = 100,
    fresh: str = ", fresh: 30m",
    when: str = "cr < 1% @95%",
    hold: str = "12h",
    steps: str = "",
    guards: str = GUARDS,
    more: str = "",
) -> str:
    """Return the text of the rule `low-cr`, which pauses offers with a low conversion rate.

    `where`, `scope`, `fresh`, `steps` (after the pause) and `more` (at the end) are added unchanged. Empty texts leave
    a line out.
    """
    lines = [
        "schema: 1",
        "id: low-cr",
        title and f"title: {title}",
        f"mode: {mode}",
        f"trigger: {{every: {every}}}",
        f"scope: {{per: [offer]{where}{scope}}}",
        f"data: {{window: {window}, need: {{clicks: {clicks}}}{fresh}}}",
        f'when: {{all: ["{when}"]}}',
        "then:",
        "  - pause: offer",
        hold and f"    hold: {hold}",
        steps,
        guards and f"guards: {guards}",
        more,
    ]
    return "\n" + "\n".join(line for line in lines if line) + "\n"


def minute_rule(name: str, mode: str = "live", *, guards: str = "") -> str:
    """The text of a rule that pauses offers below 1% and is evaluated each minute."""
    return f"""
schema: 1
id: {name}
mode: {mode}
trigger: {{every: 1m}}
scope: {{per: [offer]}}
data: {{window: 24h, need: {{clicks: 100}}, fresh: 30m}}
when: {{all: ["cr < 1%"]}}
then: [{{pause: offer}}]
""" + (f"guards: {guards}\n" if guards else "")


def onboarding_rule(
    rule: str = "onboarding",
    *,
    mode: str = "live",
    when: str = "body.go = true",
    dedupe: str = "",
    email: str = "ann@example.com",
    name: str = "Ann",
) -> str:
    """The text of a rule that makes a publisher of each webhook of the CRM that says `go`."""
    return f"""
schema: 1
id: {rule}
mode: {mode}
trigger: {{webhook: {{source: crm{f", dedupe: {dedupe}" if dedupe else ""}}}}}
when: {{all: [{when}]}}
then:
  - ensure: publisher
    key: {{email: "{email}"}}
    with: {{name: {name}}}
"""


def pause_on_webhook(*, hold: str = "") -> str:
    """The text of a rule that pauses the offer that a webhook of the CRM names, where it says `go`."""
    return """
schema: 1
id: on-demand
mode: live
trigger: {webhook: {source: crm, dedupe: body.id}}
when: {all: ["body.go = true"]}
then:
  - pause: offer
    which: "{{ body.offer }}"
""" + (f"    hold: {hold}\n" if hold else "")
