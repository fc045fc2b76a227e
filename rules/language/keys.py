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
    "title": Key("What the rule does, in one sentence for people.", "title: Pause an offer that hardly converts"),
    "owner": Key("Who answers for the rule; digests are grouped by it.", "owner: traffic-team"),
    "note": Key("What the rule is for, and when not to use it.", "note: Not for offers with post-back delays"),
    "mode": Key(
        "How far the rule may go: `disabled` never runs, `shadow` decides and records, `approve` lets a person decide "
        "on every plan, `live` acts.",
        "mode: live",
        "shadow",
    ),
    "priority": Key(
        "Which rule wins where two want different values at one moment; the higher number. A rule that is evaluated "
        "later writes over it: use `inhibits` where one rule has to keep another out for as long as it says yes.",
        "priority: 10",
        "0",
    ),
    "account": Key("The account of bridge.yaml that the rule is about.", "account: main", "main"),
    "integration": Key("The integration of that account.", "integration: default", "default"),
    "on_failure": Key(
        "What becomes of the other steps of an item when one step fails: `undo` them, `keep` them, or `ask` a person.",
        "on_failure: undo",
        "ask",
    ),
    # --- trigger ---
    "trigger": Key(
        "When the rule is evaluated: exactly one of every, cron, webhook, silence.", "trigger: {every: 15m}", REQUIRED
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
        "What happens to due times that passed while the service was down: `run_once` runs once for all of them, "
        "`skip` waits for the next. What a `cron` had due before the rule was loaded does not count.",
        "trigger: {every: 1h, missed: skip}",
        "run_once",
    ),
    "trigger.webhook": Key("The rule runs for each event of a source.", "trigger: {webhook: {source: crm}}"),
    "trigger.webhook.source": Key("The source of bridge.yaml.", "trigger: {webhook: {source: crm}}", REQUIRED),
    "trigger.webhook.event": Key(
        "The event type that the rule runs for.", "trigger: {webhook: {source: crm, event: deal.signed}}", "every event"
    ),
    "trigger.webhook.dedupe": Key(
        "A value of the event; of several events with the same value the rule runs for the first only.",
        "trigger: {webhook: {source: crm, dedupe: body.deal_id}}",
        "the source's own delivery id",
    ),
    "trigger.webhook.order_by": Key(
        "A value that grows from event to event; an event with a smaller value than one before is passed over.",
        "trigger: {webhook: {source: crm, order_by: body.updated_at, order_per: body.deal_id}}",
    ),
    "trigger.webhook.order_per": Key(
        "What an event is about: `order_by` compares only events with the same value.",
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
        "How long it must have been silent.", "trigger: {silence: {source: crm, for: 2h}}", REQUIRED
    ),
    "trigger.silence.event": Key(
        "The event type that is missed.", "trigger: {silence: {source: crm, for: 2h, event: lead}}", "every event"
    ),
    # --- scope ---
    "scope": Key(
        "Items that the rule evaluates, selected at every run. `scope: all`: all of the kind named first in `then`.",
        "scope: {per: [offer]}",
        "the event itself",
    ),
    "scope.per": Key(
        "What one verdict is about: one kind of item, or a pair.", "scope: {per: [offer, publisher]}", "event"
    ),
    "scope.from": Key(
        "Where a webhook names the items of `per`.", "scope: {per: [offer], from: {offer: body.offer_id}}"
    ),
    "scope.where": Key(
        "Only items whose attribute has this value, or one of these; or, as a list, only those of which all conditions "
        'hold: `["offer.active", "offer.default_payout > 5", "offer.id in table vips"]`; `all` says that none is left '
        "out. A rule that takes traffic away by the clock needs `where`, `except`, a limit under `guards`, or `all`.",
        "scope: {per: [offer], where: {offer.active: true}}",
    ),
    "scope.except": Key(
        "Not the items whose attribute has this value, or one of these.",
        "scope: {per: [offer], except: {offer.id: [7, 8]}}",
    ),
    "scope.join": Key(
        "Tables of `tables/`, each with the attribute by which its row is found; a list where it takes several.",
        "scope: {per: [offer, publisher], join: {budgets: offer.id, caps: [offer.id, publisher.id]}}",
    ),
    # --- data ---
    "data": Key("Which data the conditions are about.", "data: {window: 24h, need: {clicks: 500}}"),
    "data.window": Key("The time over which metrics are measured.", "data: {window: 7d, need: {}}", "24h"),
    "data.settle": Key(
        "The newest part of the window, which is left out because conversions are still arriving. `auto` takes the "
        "measured 90th percentile of the time from click to conversion; where nothing is measured yet, 1h.",
        "data: {settle: 1h, need: {}}",
        "0s",
    ),
    "data.need": Key(
        "The smallest sample for a decision; with less the answer is no_decision. `{}` says that none is needed.",
        "data: {need: {clicks: 500}}",
        "required where a rule takes traffic away on metrics",
    ),
    "data.fresh": Key(
        "The oldest that data may be; with older data the answer is no_decision.",
        "data: {fresh: 45m, need: {}}",
        "any age",
    ),
    "data.tz": Key(
        "The time zone of calendar windows, hours and holds, and of the times in the sentences of the rule.",
        "data: {tz: Europe/Berlin, need: {}}",
        "the account's",
    ),
    # --- conditions ---
    "when": Key("The conditions under which the rule acts; a list means `all`.", "when: [clicks > 100]", "always"),
    "when.all": Key("Yes where every condition says yes.", "when: {all: [clicks > 100, conversions = 0]}"),
    "when.any": Key("Yes where one condition says yes.", "when: {any: [clicks > 100, payout > 50]}"),
    "when.none": Key("Yes where every condition says no.", "when: {none: [conversions > 0]}"),
    "when.for": Key(
        "How long the answer must have been yes: so many checks, or a duration. A check counts only when new data came "
        "in since the one before; `no` starts the count anew, `no_decision` neither counts nor breaks a count of "
        "checks, and starts a duration anew.",
        "when: {all: [clicks > 100], for: 2 checks}",
        "one check",
    ),
    "unless": Key(
        "Conditions that hold the rule back; a list means `any`. Without a decision here, the rule has no decision.",
        "unless: [advertiser.conversions = 0 over 1h]",
    ),
    # --- lose_at_most ---
    "lose_at_most": Key(
        "What an item may have cost, by missing its threshold, before the evidence decides; beyond it `then` says what "
        "happens. `50 USD` is short for {amount: 50 USD, then: ask}. Everything else in the rule must hold.",
        "lose_at_most: 50 USD",
        "no limit",
    ),
    "lose_at_most.amount": Key(
        "The money: so many hits are missing at the threshold, times what one is worth, in thirty days at most. After "
        "a return from a pause it is counted anew.",
        "lose_at_most: {amount: 50 USD}",
        REQUIRED,
    ),
    "lose_at_most.then": Key(
        "`ask`: a person decides on the rule's steps, as `approve` says. `cap`: the item is paused until midnight once "
        "it has had clicks_per_day. `pause`: it is paused and comes back on `release.probation`.",
        "lose_at_most: {amount: 50 USD, then: ask}",
        "ask",
    ),
    "lose_at_most.clicks_per_day": Key(
        "With `then: cap`, the clicks that it may have from midnight to midnight of `data.tz`.",
        "lose_at_most: {amount: 50 USD, then: cap, clicks_per_day: 200}",
    ),
    "lose_at_most.hold": Key(
        "With `then: pause`, how long.",
        "lose_at_most: {amount: 50 USD, then: pause, hold: 6h}",
        "the hold of the step",
    ),
    "lose_at_most.worth": Key(
        "What one of the missing is worth.",
        "lose_at_most: {amount: 50 USD, worth: 8 USD}",
        "what the conversions of the item brought, or those of all items where it has none",
    ),
    # --- then ---
    "then": Key(
        "The steps, in order. A rule with `inhibits` may do without.", "then: [{pause: offer, hold: 12h}]", REQUIRED
    ),
    "then.id": Key(
        "The step's name, by which later steps use its result: `{{ pub.id }}`.",
        "then: [{id: first, pause: offer}]",
        "its number",
    ),
    "then.which": Key(
        "The id of the target where it is not the item itself, or a list of ids.",
        'then: [{pause: offer, which: "42"}]',
        "the item",
    ),
    "then.key": Key(
        "The fields by which `ensure` finds the target, so that it is not made twice.",
        "then: [{ensure: publisher, key: {email: a@b.example}}]",
        REQUIRED,
    ),
    "then.with": Key(
        "The fields to set, or the values of a call or a message.",
        "then: [{update: offer, with: {visibility: private}}]",
    ),
    "then.hold": Key(
        "How long a pause lasts: a duration, which doubles with each hold in a row and ends by hand after the third, "
        "`until midnight` (short: `midnight`), or `manual`.",
        "then: [{pause: offer, hold: until midnight}]",
        "manual",
    ),
    "then.deliver_secret_to": Key(
        "The channel that gets the password that `password: generate` made, once.",
        "then: [{ensure: user, key: {email: a@b.example}, with: {password: generate}, deliver_secret_to: traffic}]",
    ),
    "then.http.url": Key(
        "The address. Values in it are encoded by their place, as a part of the path or a value of the query; in the "
        "host they are refused.",
        'then: [{http: {url: "https://crm.example.com/offers/{{ offer.id }}"}}]',
        REQUIRED,
    ),
    "then.http.method": Key(
        "The method of the request.", 'then: [{http: {url: "https://crm.example.com/in", method: PUT}}]', "POST"
    ),
    "then.http.headers": Key(
        "Further headers. Secrets belong into `http.allow` of bridge.yaml.",
        'then: [{http: {url: "https://crm.example.com/in", headers: {X-Team: traffic}}}]',
    ),
    "then.http.query": Key(
        "Values that are added to the address, encoded. The rest of the address stays as it is.",
        'then: [{http: {url: "https://crm.example.com/in", query: {offer: "{{ offer.id }}"}}}]',
    ),
    "then.http.body": Key(
        "The body: a text is sent as it is, anything else as JSON with exact numbers.",
        'then: [{http: {url: "https://crm.example.com/in", body: {offer: "{{ offer.id }}"}}}]',
        "empty",
    ),
    # --- release ---
    "release": Key(
        "When a hold ends before its time, and how a returned target is watched.", "release: {early: [cr >= 0.6%]}"
    ),
    "release.early": Key(
        "Conditions that end a hold; like `when` they wait for `need` and for new data.",
        "release: {early: [cr >= 0.6%]}",
    ),
    "release.probation": Key(
        "The sample that a returned target is given before the rule may judge it again.",
        "release: {probation: {clicks: 500}}",
    ),
    # --- guards ---
    "guards": Key("What keeps the rule from doing harm.", "guards: {at_most: {targets: 10}}"),
    "guards.at_most": Key(
        "Limits on one plan; over one of them nothing is done by itself.", "guards: {at_most: {targets: 10, share: 5%}}"
    ),
    "guards.at_most.targets": Key(
        "How many targets one plan may touch.", "guards: {at_most: {targets: 10}}", "any number"
    ),
    "guards.at_most.share": Key(
        "Which share of the items in scope one plan may touch.", "guards: {at_most: {share: 5%}}", "100%"
    ),
    "guards.at_most.revenue_24h": Key(
        "Which share of the scope's revenue of the last 24 hours may hang on the targets of one plan.",
        "guards: {at_most: {revenue_24h: 15%}}",
        "100%",
    ),
    "guards.if_over": Key(
        "What happens over a limit: a person decides (`approve`), or nothing is done (`stop`).",
        "guards: {at_most: {targets: 1}, if_over: stop}",
        "approve",
    ),
    "guards.cooldown": Key(
        "How long the rule leaves a target alone after it touched it.", "guards: {cooldown: 6h}", "0s"
    ),
    "guards.per_day": Key(
        "How many targets the rule may touch from midnight to midnight of `data.tz`.",
        "guards: {per_day: 30}",
        "any number",
    ),
    "guards.budgets": Key(
        "Budgets of bridge.yaml that the rule shares with others: so many changes in a day or a month, of all of them "
        "together.",
        "guards: {budgets: [pauses]}",
    ),
    "guards.keep_active": Key(
        "How many must stay active; the most valuable are spared.",
        "guards: {keep_active: {offers: 1, per: advertiser}}",
    ),
    "guards.keep_active.offers": Key("So many active offers in each group.", "guards: {keep_active: {offers: 1}}"),
    "guards.keep_active.publishers": Key(
        "So many active publishers in each group.", "guards: {keep_active: {publishers: 5}}"
    ),
    "guards.keep_active.advertisers": Key("So many active advertisers.", "guards: {keep_active: {advertisers: 2}}"),
    "guards.keep_active.per": Key(
        "What makes a group.", "guards: {keep_active: {offers: 1, per: advertiser}}", "the whole account"
    ),
    "guards.quiet": Key(
        "Hours in which the rule decides and does nothing.", 'guards: {quiet: {from: "22:00", to: "6:00"}}'
    ),
    "guards.active": Key(
        "The only hours in which the rule acts.", 'guards: {active: {from: "8:00", to: "18:00"}}', "always"
    ),
    **{
        f"guards.{name}.{key}": found
        for name in ("quiet", "active")
        for key, found in {
            "from": Key("When the hours begin.", f'guards: {{{name}: {{from: "22:00", to: "6:00"}}}}', REQUIRED),
            "to": Key(
                "When they end; before `from` means on the next day.",
                f'guards: {{{name}: {{from: "22:00", to: "6:00"}}}}',
                REQUIRED,
            ),
            "tz": Key(
                "Their time zone.",
                f'guards: {{{name}: {{from: "22:00", to: "6:00", tz: Europe/Berlin}}}}',
                "the zone of `data.tz`",
            ),
            "days": Key(
                "The days on which they begin.",
                f'guards: {{{name}: {{from: "8:00", to: "18:00", days: [mon, tue]}}}}',
                "every day",
            ),
        }.items()
    },
    "guards.canary": Key(
        "Act on the first few, watch the revenue of the scope, and then do the rest or undo.",
        "guards: {canary: {targets: 3, wait: 2h}}",
    ),
    "guards.canary.targets": Key(
        "How many are the first few; the cheapest.", "guards: {canary: {targets: 3, wait: 2h}}", REQUIRED
    ),
    "guards.canary.wait": Key("How long they are watched.", "guards: {canary: {targets: 3, wait: 2h}}", REQUIRED),
    "guards.canary.revenue_drop": Key(
        "By how much the scope's revenue may fall against the same hours a week earlier.",
        "guards: {canary: {targets: 3, wait: 2h, revenue_drop: 10%}}",
        "20%",
    ),
    "guards.errors": Key(
        "After so many failed runs in a row the rule stops until a person changes its mode.", "guards: {errors: 3}", "5"
    ),
    "guards.respect_people": Key(
        "How long the rule leaves alone what a person changed in Integr8, released or undid.",
        "guards: {respect_people: 48h}",
        "24h",
    ),
    # --- approve, notify ---
    "approve": Key("Who decides on plans that wait, and by when.", "approve: {by: [ops], within: 4h}"),
    "approve.by": Key("Roles or names of users who may answer.", "approve: {by: [ops]}", "every operator"),
    "approve.within": Key("How long a plan waits for an answer.", "approve: {within: 4h}", "4h"),
    "approve.otherwise": Key(
        "What happens without an answer: `drop` the plan, `proceed`, or `escalate` and keep waiting.",
        "approve: {otherwise: proceed}",
        "drop",
    ),
    "approve.escalate_to": Key(
        "The channels that are notified of an escalation.", "approve: {otherwise: escalate, escalate_to: [traffic]}"
    ),
    "approve.recheck": Key(
        "Whether the rule decides again when a person says yes, so that only what still holds is done.",
        "approve: {recheck: false}",
        "true",
    ),
    "notify": Key("Who is notified of what.", "notify: [{about: [paused, error], to: [traffic]}]"),
    "notify.about": Key("The topics.", "notify: {about: [paused], to: [traffic]}", REQUIRED),
    "notify.to": Key("The channels of bridge.yaml.", "notify: {about: [paused], to: [traffic]}", REQUIRED),
    # --- inhibits ---
    "inhibits": Key(
        "Rules that do nothing while this one says yes; a list of ids, where `*` stands for any part. `for` and a "
        "webhook trigger do not go with it.",
        "inhibits: [offer-cr-*]",
    ),
    "inhibits.rules": Key(
        "The rules that are held back.", "inhibits: {rules: [offer-cr-*], per: advertiser}", REQUIRED
    ),
    "inhibits.per": Key(
        "What an item of theirs must share with an item about which this rule says yes: an offer's own id or its "
        "advertiser, ... or `all`, for whatever they are about.",
        "inhibits: {rules: [offer-cr-*], per: advertiser}",
        "all of `scope.per`",
    ),
    # --- tests ---
    "tests": Key("Tests that run whenever the rule is loaded.", "tests: [{given: {clicks: 900}, expect: yes}]"),
    "tests.name": Key("What the test shows.", "tests: [{name: enough, given: {clicks: 900}, expect: yes}]", "none"),
    "tests.given": Key("The values that the test knows.", "tests: [{given: {clicks: 900}, expect: yes}]", REQUIRED),
    "tests.expect": Key(
        "The answer: yes, no or no_decision; or the plan: each verb with its items, `released`, `asked` (what "
        "`lose_at_most` asks a person about), `held_back` with the guard of each item, and a part of a `message`.",
        "tests: [{given: [{offer: 1, clicks: 900}], expect: {pause: [1], message: clicks}}]",
        REQUIRED,
    ),
    "tests.state": Key(
        "What guards and holds know, where `expect` is a plan: of the rule `halted`, `errors`, `effects_today`, "
        "`budgets` (what each has used), `scope`, `scope_revenue_24h`, `active_left`; of each item (also under "
        "`given`) `last_effect`, `changed_by_person`, `held`, `held_by`, `inhibited_by`, `active`, `waiting`, "
        "`revenue_24h`, and for `for:` the `checks` and the time `since`.",
        "tests: [{given: {offer: 1, clicks: 900}, state: {halted: stop}, expect: {held_back: {1: halt}}}]",
    ),
    "tests.effects": Key(
        "What is done, as `pause offer 42`.",
        'tests: [{given: {offer: 42, clicks: 900}, expect: yes, effects: ["pause offer 42"]}]',
        "not looked at",
    ),
}
