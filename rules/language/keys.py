"""Explain every key of a rule: one sentence, one example, and what holds where it is missing.

The reference page and the descriptions of the JSON Schema come from here. Verbs are explained in `rules.model.verbs`.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """One key, by its dotted path. `example` is a section of a rule that uses it."""

    meaning: str
    example: str
    default: str = "nothing"


REQUIRED = "required"

KEYS: Mapping[str, Key] = {
    "schema": Key("The version of the rule language.", "schema: 1", REQUIRED),
    "id": Key("The rule's name in addresses, file names and on the command line.", "id: low-cr", REQUIRED),
    "title": Key("One sentence that says what the rule does.", "title: Pause an offer that hardly converts"),
    "owner": Key(
        "The person or team that is responsible for the rule; digests are grouped by it.", "owner: traffic-team"
    ),
    "note": Key("What the rule is for, and when not to use it.", "note: Not for offers with post-back delays"),
    "mode": Key(
        "How far the rule may go: `disabled` never runs, `shadow` decides and records, `approve` lets a person decide "
        "on every plan, `live` acts.",
        "mode: live",
        "shadow",
    ),
    "priority": Key(
        "If two rules want different values at the same moment, the rule with the higher number wins. A rule that "
        "is evaluated later overwrites the value: to keep another rule out for as long as this one says yes, use "
        "`inhibits`.",
        "priority: 10",
        "0",
    ),
    "account": Key("The account of bridge.yaml that the rule is about.", "account: main", "main"),
    "integration": Key("The integration of that account.", "integration: default", "default"),
    "on_failure": Key(
        "What happens to the other steps of an item when one step fails: `undo` them, `keep` them, or `ask` a person.",
        "on_failure: undo",
        "ask",
    ),
    # --- trigger ---
    "trigger": Key(
        "When the rule is evaluated. Write exactly one of every, cron, webhook and silence.",
        "trigger: {every: 15m}",
        REQUIRED,
    ),
    "trigger.every": Key("The time between two runs; at least 10s.", "trigger: {every: 15m}"),
    "trigger.cron": Key(
        "The due times as five fields: minute, hour, day of the month, month, day of the week.",
        'trigger: {cron: "0 6 * * mon-fri"}',
    ),
    "trigger.tz": Key(
        "The time zone of `cron`.", 'trigger: {cron: "0 6 * * *", tz: Europe/Berlin}', "the zone of `data.tz`"
    ),
    "trigger.missed": Key(
        "What happens to due times that passed while the service was down: `run_once` runs the rule once for all "
        "of them, `skip` waits for the next. Times of a `cron` before the rule was loaded do not count.",
        "trigger: {every: 1h, missed: skip}",
        "run_once",
    ),
    "trigger.webhook": Key("The rule runs for each event of a source.", "trigger: {webhook: {source: crm}}"),
    "trigger.webhook.source": Key("The source of bridge.yaml.", "trigger: {webhook: {source: crm}}", REQUIRED),
    "trigger.webhook.event": Key(
        "The event type that the rule runs for.", "trigger: {webhook: {source: crm, event: deal.signed}}", "every event"
    ),
    "trigger.webhook.dedupe": Key(
        "A value of the event. If several events have the same value, the rule runs only for the first.",
        "trigger: {webhook: {source: crm, dedupe: body.deal_id}}",
        "the source's own delivery id",
    ),
    "trigger.webhook.order_by": Key(
        "A value that grows from event to event. The rule skips an event whose value is smaller than that of "
        "an earlier event.",
        "trigger: {webhook: {source: crm, order_by: body.updated_at, order_per: body.deal_id}}",
    ),
    "trigger.webhook.order_per": Key(
        "The object of an event: `order_by` compares only events with the same value of `order_per`.",
        "trigger: {webhook: {source: crm, order_by: body.updated_at, order_per: body.deal_id}}",
        "the subject, or the key of `ensure`",
    ),
    "trigger.silence": Key(
        "The rule runs once when a source has sent nothing for a time.", "trigger: {silence: {source: crm, for: 2h}}"
    ),
    "trigger.silence.source": Key(
        "The source of bridge.yaml that should have sent.", "trigger: {silence: {source: crm, for: 2h}}", REQUIRED
    ),
    "trigger.silence.for": Key(
        "How long the source must have been silent.", "trigger: {silence: {source: crm, for: 2h}}", REQUIRED
    ),
    "trigger.silence.event": Key(
        "The event type that should have come.",
        "trigger: {silence: {source: crm, for: 2h, event: lead}}",
        "every event",
    ),
    # --- scope ---
    "scope": Key(
        "The items that the rule evaluates; each run selects them again. `scope: all` selects all items of the "
        "kind that `then` names first.",
        "scope: {per: [offer]}",
        "the event itself",
    ),
    "scope.per": Key(
        "The subject of one verdict: one kind of item, or a pair of kinds.", "scope: {per: [offer, publisher]}", "event"
    ),
    "scope.from": Key(
        "Where a webhook names the items of `per`.",
        "scope: {per: [offer], from: {offer: body.offer_id}}",
        "required with a webhook and `per`",
    ),
    "scope.where": Key(
        "As a mapping: only items whose attribute has this value, or one of these values. As a list: only items "
        'that meet all conditions, such as `["offer.active", "offer.default_payout > 5", "offer.id in table '
        'vips"]`. `all` selects every item. A scheduled rule that takes traffic away needs `where`, `except`, a '
        "limit under `guards`, or `all`.",
        "scope: {per: [offer], where: {offer.active: true}}",
    ),
    "scope.except": Key(
        "Leaves out items whose attribute has this value, or one of these values.",
        "scope: {per: [offer], except: {offer.id: [7, 8]}}",
    ),
    "scope.join": Key(
        "Tables of `tables/`, each with the attribute that finds its row, or a list of attributes.",
        "scope: {per: [offer, publisher], join: {budgets: offer.id, caps: [offer.id, publisher.id]}}",
    ),
    # --- data ---
    "data": Key("The data that the conditions use.", "data: {window: 24h, need: {clicks: 500}}"),
    "data.window": Key("The time over which metrics are measured.", "data: {window: 7d, need: {}}", "24h"),
    "data.settle": Key(
        "The newest part of the window, which is left out because conversions are still arriving (conversion lag). "
        "`auto` takes the measured 90th percentile of the time from click to conversion, or 1h if nothing is "
        "measured yet.",
        "data: {settle: 1h, need: {}}",
        "0s",
    ),
    "data.need": Key(
        "The smallest sample for a decision; a smaller one gives no_decision. `{}` means that no sample is needed.",
        "data: {need: {clicks: 500}}",
        "required if the rule takes traffic away on metrics",
    ),
    "data.fresh": Key(
        "The largest age of the data; older data gives no_decision.",
        "data: {fresh: 45m, need: {}}",
        "any age",
    ),
    "data.tz": Key(
        "The time zone of calendar windows, hours and holds, and of the times in messages of the rule.",
        "data: {tz: Europe/Berlin, need: {}}",
        "the account's",
    ),
    # --- conditions ---
    "when": Key(
        "The conditions under which the rule acts; a list means `all`.",
        "when: [clicks > 100]",
        "always; required where a rule takes traffic away",
    ),
    "when.all": Key("Yes if every condition says yes.", "when: {all: [clicks > 100, conversions = 0]}"),
    "when.any": Key("Yes if at least one condition says yes.", "when: {any: [clicks > 100, payout > 50]}"),
    "when.none": Key("Yes if every condition says no.", "when: {none: [conversions > 0]}"),
    "when.for": Key(
        "How long the answer must have been yes: a number of checks, or a duration. A check counts only if new "
        "data has arrived since the previous one. `no` resets the count. `no_decision` does not change a count of "
        "checks, and resets a duration.",
        "when: {all: [clicks > 100], for: 2 checks}",
        "one check",
    ),
    "unless": Key(
        "Conditions that hold the rule back; a list means `any`. If they give no decision, the rule gives none.",
        "unless: [advertiser.conversions = 0 over 1h]",
    ),
    # --- lose_at_most ---
    "lose_at_most": Key(
        "How much money an item below its threshold may cost before the evidence decides; above it, "
        "`lose_at_most.then` says what happens. `50 USD` is short for {amount: 50 USD, then: ask}. All other "
        "conditions of the rule must hold.",
        "lose_at_most: 50 USD",
        "no limit",
    ),
    "lose_at_most.amount": Key(
        "The limit of the loss. The loss is the number of hits that are missing at the threshold, times the worth "
        "of one hit, over thirty days at most. It starts again from zero when the item returns from a pause.",
        "lose_at_most: {amount: 50 USD}",
        REQUIRED,
    ),
    "lose_at_most.then": Key(
        "`ask`: a person approves or rejects the rule's steps, as `approve` says. `cap`: the item is paused until "
        "midnight when it has had clicks_per_day. `pause`: the item is paused and returns on `release.probation`.",
        "lose_at_most: {amount: 50 USD, then: ask}",
        "ask",
    ),
    "lose_at_most.clicks_per_day": Key(
        "With `then: cap`: how many clicks the item may have from midnight to midnight of `data.tz`.",
        "lose_at_most: {amount: 50 USD, then: cap, clicks_per_day: 200}",
        "required with `then: cap`",
    ),
    "lose_at_most.hold": Key(
        "With `then: pause`: how long the pause lasts.",
        "lose_at_most: {amount: 50 USD, then: pause, hold: 6h}",
        "the hold of the step",
    ),
    "lose_at_most.worth": Key(
        "The worth of one missing hit.",
        "lose_at_most: {amount: 50 USD, worth: 8 USD}",
        "the revenue of one conversion of the item, or of all items if it has none",
    ),
    # --- then ---
    "then": Key(
        "The steps, in order. A rule with `inhibits` needs none.", "then: [{pause: offer, hold: 12h}]", REQUIRED
    ),
    "then.id": Key(
        "The step's name. Later steps use it to read the result: `{{ pub.id }}`.",
        "then: [{id: first, pause: offer}]",
        "its number",
    ),
    "then.which": Key(
        "The id of the target, or a list of ids, if the target is not the item itself.",
        'then: [{pause: offer, which: "42"}]',
        "the item",
    ),
    "then.key": Key(
        "The fields that `ensure` uses to find the target, so that it is not created twice.",
        "then: [{ensure: publisher, key: {email: a@b.example}}]",
        REQUIRED,
    ),
    "then.with": Key(
        "The fields to set, or the values of a call or a message.",
        "then: [{update: offer, with: {visibility: private}}]",
        "nothing; `update` needs it",
    ),
    "then.hold": Key(
        "How long a pause lasts: a duration, `until midnight` (short: `midnight`), or `manual`. A duration doubles "
        "with each hold in a row; after the third a person must release the hold.",
        "then: [{pause: offer, hold: until midnight}]",
        "manual",
    ),
    "then.deliver_secret_to": Key(
        "The channel that receives the password of `password: generate`, once.",
        "then: [{ensure: user, key: {email: a@b.example}, with: {password: generate}, deliver_secret_to: traffic}]",
    ),
    "then.http.url": Key(
        "The address. Values of templates are encoded as parts of the path or values of the query; in the host "
        "they are refused.",
        'then: [{http: {url: "https://crm.example.com/offers/{{ offer.id }}"}}]',
        REQUIRED,
    ),
    "then.http.method": Key(
        "The method of the request.", 'then: [{http: {url: "https://crm.example.com/in", method: PUT}}]', "POST"
    ),
    "then.http.headers": Key(
        "More headers. Put secrets into `http.allow` of bridge.yaml.",
        'then: [{http: {url: "https://crm.example.com/in", headers: {X-Team: traffic}}}]',
    ),
    "then.http.query": Key(
        "Parameters that are encoded and added to the address. The rest of the address does not change.",
        'then: [{http: {url: "https://crm.example.com/in", query: {offer: "{{ offer.id }}"}}}]',
    ),
    "then.http.body": Key(
        "The body. A text is sent unchanged, anything else as JSON with exact numbers.",
        'then: [{http: {url: "https://crm.example.com/in", body: {offer: "{{ offer.id }}"}}}]',
        "empty",
    ),
    # --- release ---
    "release": Key(
        "When a hold ends early, and how the rule treats a target after its return.", "release: {early: [cr >= 0.6%]}"
    ),
    "release.early": Key(
        "Conditions that end a hold early; like `when` they wait for `need` and for new data.",
        "release: {early: [cr >= 0.6%]}",
    ),
    "release.probation": Key(
        "The sample that a returned target must reach before the rule evaluates it again.",
        "release: {probation: {clicks: 500}}",
    ),
    # --- guards ---
    "guards": Key("Limits that keep the rule from doing harm.", "guards: {at_most: {targets: 10}}"),
    "guards.at_most": Key(
        "Limits of one plan. A plan above one of them is not executed by itself.",
        "guards: {at_most: {targets: 10, share: 5%}}",
    ),
    "guards.at_most.targets": Key(
        "How many targets one plan may touch.", "guards: {at_most: {targets: 10}}", "any number"
    ),
    "guards.at_most.share": Key(
        "What share of the items in scope one plan may touch.", "guards: {at_most: {share: 5%}}", "100%"
    ),
    "guards.at_most.revenue_24h": Key(
        "What share of the scope's revenue of the last 24 hours the targets of one plan may have.",
        "guards: {at_most: {revenue_24h: 15%}}",
        "100%",
    ),
    "guards.if_over": Key(
        "What happens above a limit: a person decides (`approve`), or the plan stops (`stop`).",
        "guards: {at_most: {targets: 1}, if_over: stop}",
        "approve",
    ),
    "guards.cooldown": Key(
        "How long the rule leaves a target alone after it has changed it.", "guards: {cooldown: 6h}", "0s"
    ),
    "guards.per_day": Key(
        "How many targets the rule may change from midnight to midnight of `data.tz`.",
        "guards: {per_day: 30}",
        "any number",
    ),
    "guards.budgets": Key(
        "Budgets of bridge.yaml that the rule shares with other rules. A budget limits the changes of all of them "
        "together in a day or a month.",
        "guards: {budgets: [pauses]}",
    ),
    "guards.keep_active": Key(
        "How many items must stay active; the rule spares the most valuable ones.",
        "guards: {keep_active: {offers: 1, per: advertiser}}",
    ),
    "guards.keep_active.offers": Key(
        "The number of active offers that each group keeps.", "guards: {keep_active: {offers: 1}}"
    ),
    "guards.keep_active.publishers": Key(
        "The number of active publishers that each group keeps.", "guards: {keep_active: {publishers: 5}}"
    ),
    "guards.keep_active.advertisers": Key(
        "The number of advertisers that stay active.", "guards: {keep_active: {advertisers: 2}}"
    ),
    "guards.keep_active.per": Key(
        "The dimension that forms the groups.",
        "guards: {keep_active: {offers: 1, per: advertiser}}",
        "the whole account",
    ),
    "guards.quiet": Key(
        "Hours in which the rule decides but changes nothing.", 'guards: {quiet: {from: "22:00", to: "6:00"}}'
    ),
    "guards.active": Key(
        "The hours in which the rule acts; at other times it changes nothing.",
        'guards: {active: {from: "8:00", to: "18:00"}}',
        "always",
    ),
    **{
        f"guards.{name}.{key}": found
        for name in ("quiet", "active")
        for key, found in {
            "from": Key("When the hours begin.", f'guards: {{{name}: {{from: "22:00", to: "6:00"}}}}', REQUIRED),
            "to": Key(
                "When the hours end; a time before `from` means the next day.",
                f'guards: {{{name}: {{from: "22:00", to: "6:00"}}}}',
                REQUIRED,
            ),
            "tz": Key(
                "The time zone of the hours.",
                f'guards: {{{name}: {{from: "22:00", to: "6:00", tz: Europe/Berlin}}}}',
                "the zone of `data.tz`",
            ),
            "days": Key(
                "The days on which the hours begin.",
                f'guards: {{{name}: {{from: "8:00", to: "18:00", days: [mon, tue]}}}}',
                "every day",
            ),
        }.items()
    },
    "guards.canary": Key(
        "Changes a few targets first, watches the revenue of the scope, and then changes the others or undoes "
        "the first.",
        "guards: {canary: {targets: 3, wait: 2h}}",
    ),
    "guards.canary.targets": Key(
        "How many targets are changed first; the rule takes those with the least revenue.",
        "guards: {canary: {targets: 3, wait: 2h}}",
        REQUIRED,
    ),
    "guards.canary.wait": Key(
        "How long the rule watches the revenue before it goes on.", "guards: {canary: {targets: 3, wait: 2h}}", REQUIRED
    ),
    "guards.canary.revenue_drop": Key(
        "By how much the scope's revenue may fall compared with the same hours a week earlier.",
        "guards: {canary: {targets: 3, wait: 2h, revenue_drop: 10%}}",
        "20%",
    ),
    "guards.errors": Key(
        "After this number of failed runs in a row the rule stops until a person changes its mode.",
        "guards: {errors: 3}",
        "5",
    ),
    "guards.respect_people": Key(
        "How long the rule leaves a target alone after a person has changed it in Integr8, released it or "
        "undone a change.",
        "guards: {respect_people: 48h}",
        "24h",
    ),
    # --- approve, notify ---
    "approve": Key("Who decides on waiting plans, and by when.", "approve: {by: [ops], within: 4h}"),
    "approve.by": Key(
        "Roles or names of the users who may approve or reject.", "approve: {by: [ops]}", "every operator"
    ),
    "approve.within": Key("How long a plan waits for a decision.", "approve: {within: 4h}", "4h"),
    "approve.otherwise": Key(
        "What happens if nobody decides in time: `drop` the plan, `proceed` with it, or `escalate` and keep waiting.",
        "approve: {otherwise: proceed}",
        "drop",
    ),
    "approve.escalate_to": Key(
        "The channels that are notified of an escalation.",
        "approve: {otherwise: escalate, escalate_to: [traffic]}",
        "required with `otherwise: escalate`",
    ),
    "approve.recheck": Key(
        "With `true`, the rule is evaluated again at the approval, and only changes that are still right are made.",
        "approve: {recheck: false}",
        "true",
    ),
    "notify": Key(
        "Which channels are notified about which topics.", "notify: [{about: [paused, error], to: [traffic]}]"
    ),
    "notify.about": Key("The topics.", "notify: {about: [paused], to: [traffic]}", REQUIRED),
    "notify.to": Key("The channels of bridge.yaml.", "notify: {about: [paused], to: [traffic]}", REQUIRED),
    # --- inhibits ---
    "inhibits": Key(
        "Rules that do nothing while this one says yes: a list of ids, in which `*` stands for any text. It "
        "excludes `for` and a webhook trigger.",
        "inhibits: [offer-cr-*]",
    ),
    "inhibits.rules": Key(
        "The rules that are held back.", "inhibits: {rules: [offer-cr-*], per: advertiser}", REQUIRED
    ),
    "inhibits.per": Key(
        "The dimensions that an item of the other rules must share with an item for which this rule says yes: the "
        "offer itself, its advertiser, and so on. `all` holds back every item.",
        "inhibits: {rules: [offer-cr-*], per: advertiser}",
        "all of `scope.per`",
    ),
    # --- tests ---
    "tests": Key("Tests that run whenever the rule is loaded.", "tests: [{given: {clicks: 900}, expect: yes}]"),
    "tests.name": Key("What the test shows.", "tests: [{name: enough, given: {clicks: 900}, expect: yes}]", "none"),
    "tests.given": Key("The values that the test knows.", "tests: [{given: {clicks: 900}, expect: yes}]", REQUIRED),
    "tests.expect": Key(
        "Either the answer: yes, no or no_decision. Or the plan: each verb with its items, `released`, `asked` "
        "(the items that `lose_at_most` asks a person about), `held_back` with the guard of each item, and a part "
        "of a `message`.",
        "tests: [{given: [{offer: 1, clicks: 900}], expect: {pause: [1], message: clicks}}]",
        REQUIRED,
    ),
    "tests.state": Key(
        "The state for guards and holds, if `expect` is a plan. For the rule: `halted`, `errors`, `effects_today`, "
        "`budgets` (how much of each is used), `scope`, `scope_revenue_24h`, `active_left`. For each item (also "
        "as `state` of its own, beside its values): `last_effect`, `changed_by_person`, `held`, `held_by`, "
        "`inhibited_by`, `active`, `waiting`, `revenue_24h`, and for `for:` the `checks` and the time `since`.",
        "tests: [{given: {offer: 1, clicks: 900}, state: {halted: stop}, expect: {held_back: {1: halt}}}]",
    ),
    "tests.effects": Key(
        "The expected effects, written as `pause offer 42`.",
        'tests: [{given: {offer: 42, clicks: 900}, expect: yes, effects: ["pause offer 42"]}]',
        "not checked",
    ),
}
