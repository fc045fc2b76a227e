"""Postbacks of other trackers: their parameter names, status words and macros.

One row per tracker. `names` are parameters that its users' addresses carry, beside our own vocabulary
(`bridge.sources.postback.PARAMETER_SPELLINGS`); `macros` is what it fills in, for `sources url --for
NAME`. A conversion of another tracker is an event like any other and no observation of Integr8.

`fact` is the tracker's own page; a comment names what else a spelling was taken from. "Networks' templates" are the
addresses that some 400 affiliate networks publish for Keitaro's users, as kept in fenjo26/Orbitra.link
(data/keitaro_affiliate_networks.json).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracker:
    """One tracker. Status words outside `statuses` stay unchanged.

    `click` are the parameters that may hold the id of the click, the most reliable first; beside one of them,
    `transaction_id` is the id of the sale. `instead` holds it if no better one does. `rejects` are parameters that mark
    a rejected conversion, with the start of their value; `tests` are those that mark a test, with their value; `kinds`
    give another type than conversion by their value. `dollars` are amounts in US dollars whatever currency is given,
    with our name.
    """

    title: str
    fact: str
    names: Mapping[str, str]  # theirs: ours
    macros: Mapping[str, str]  # ours: what stands for it in an address
    statuses: Mapping[str, str] = field(default_factory=dict)
    click: tuple[str, ...] = ()
    rejects: Mapping[str, str] = field(default_factory=dict)
    tests: Mapping[str, str] = field(default_factory=dict)
    instead: str = ""
    kinds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dollars: Mapping[str, str] = field(default_factory=dict)
    event_names: tuple[str, ...] = ()  # parameters that name the event where nothing better does


SUBS = {f"sub{n}": "sub_id" if n == 1 else f"sub_id_{n}" for n in range(1, 11)}
SUB_MACROS = {("sub_id" if n == 1 else f"sub_id_{n}"): f"{{sub{n}}}" for n in range(1, 6)}
# Affise's numbers, Keitaro's four words (`rebill` is a sale there) and the words of the networks' templates.
WORDS = {
    **dict.fromkeys(
        ("1", "approved", "approve", "confirmed", "confirm", "sale", "rebill", "paid", "payed", "accepted", "accept",
         "billed", "valid"),
        "approved",
    ),
    **dict.fromkeys(
        ("2", "pending", "lead", "hold", "5", "new", "wait", "waiting", "created", "in_progress"), "pending"
    ),
    **dict.fromkeys(
        ("3", "rejected", "reject", "declined", "decline", "cancelled", "canceled", "cancel", "trash", "trashed",
         "invalid", "denied", "refused", "failed", "fail", "failure", "spam", "fake", "duplicate", "double"),
        "rejected",
    ),
}  # fmt: skip

TRACKERS: Mapping[str, Tracker] = {
    "everflow": Tracker(
        title="Everflow", fact="https://helpdesk.everflow.io/customer/your-guide-to-parameters-macros",
        names={
            **SUBS, "affiliate_id": "publisher", "payout_amount": "payout", "sale_amount": "purchase_value",
            "revenue_amount": "revenue", "conversion_id": "external_transaction_id",
            "conversion_unix_timestamp": "conversion_time", "click_unix_timestamp": "click_time",
            "conversion_status": "status", "oid": "offer", "affid": "publisher", "amount": "purchase_value",
            "country_code": "geo_country", "user_ip": "conversion_ip", "adv1": "adv_sub_id",
            "offer_currency": "currency", "tid": "transaction_id",
            **{f"adv{n}": f"adv_sub_id_{n}" for n in range(2, 6)},
        },
        statuses=WORDS,
        macros={
            "transaction_id": "{transaction_id}", "offer": "{offer_id}", "publisher": "{affiliate_id}",
            "event_name": "{event_name}", "payout": "{payout_amount}", "purchase_value": "{sale_amount}",
            # Its networks' templates have {offer_currency} beside {payout_amount}.
            "currency": "{offer_currency}", "external_transaction_id": "{conversion_id}",
            "conversion_time": "{conversion_unix_timestamp}", **SUB_MACROS,
        },
    ),
    "tune": Tracker(
        title="TUNE (HasOffers)",
        fact="https://support.tune.com/hc/en-us/articles/1500008248741-Passing-Values-to-a-Partner-Conversion-URL",
        names={
            **SUBS, "affiliate_id": "publisher", "aff_id": "publisher", "aff_sub": "sub_id",
            "sale_amount": "purchase_value",
            **{f"aff_sub{n}": f"sub_id_{n}" for n in range(2, 6)}, "goal_id": "event_id", "goal_name": "event_name",
            "datetime": "conversion_time", "country_code": "geo_country", "adv_sub": "adv_sub_id",
            "session_datetime": "click_time", "device_os": "os",
        },
        instead="aff_click_id",  # the partner's own id of the click
        statuses=WORDS,
        macros={
            "transaction_id": "{transaction_id}", "offer": "{offer_id}", "publisher": "{affiliate_id}",
            "sub_id": "{aff_sub}", "sub_id_2": "{aff_sub2}", "payout": "{payout}", "purchase_value": "{sale_amount}",
            "currency": "{currency}", "event_id": "{goal_id}", "conversion_time": "{datetime}",
            "geo_country": "{country_code}",
        },
    ),
    "trackier": Tracker(
        title="Trackier",
        fact="https://help.trackier.com/en/articles/8107293-publisher-tracking-link-parameters-and-postback-macros",
        names={
            **{f"p{n}": "sub_id" if n == 1 else f"sub_id_{n}" for n in range(1, 11)}, "campaign_id": "offer",
            # Its sub1 to sub15 are the advertiser's; the publisher's are p1 to p10.
            **{f"sub{n}": "adv_sub_id" if n == 1 else f"adv_sub_id_{n}" for n in range(1, 16)},
            "pid": "publisher", "pub_id": "publisher", "txn_id": "external_transaction_id",
            "sale_amount": "purchase_value", "goal_value": "event_name", "goal_id": "event_id",
            "created": "conversion_time",
        },
        click=("click_id", "clickid"), dollars={"payout_usd": "payout"},
        macros={
            "transaction_id": "{click_id}", "external_transaction_id": "{txn_id}", "offer": "{campaign_id}",
            "publisher": "{publisher_id}", "sub_id": "{p1}", "payout": "{payout}", "purchase_value": "{sale_amount}",
            "currency": "{currency}", "event_name": "{goal_value}", "status": "{status}",
        },
        statuses=WORDS,
    ),
    "affise": Tracker(
        title="Affise", fact="https://help-center.affise.com/en/articles/6483741-affiliate-postback-url-macros",
        names={
            **SUBS, "offerid": "offer", "pid": "publisher", "sum": "payout", "geo": "geo_country",
            "goal": "event_name", "transactionid": "external_transaction_id", "action_id": "external_transaction_id",
            "date": "conversion_time", "click_date": "click_time", "timestamp": "conversion_time",
            "order_sum": "purchase_value", "comment": "rejection_reason",
            "uagent": "user_agent", "referrer": "referer",
        },
        click=("clickid", "click_id"),
        macros={
            "transaction_id": "{sub1}", "external_transaction_id": "{transactionid}", "offer": "{offerid}",
            "sub_id_2": "{sub2}", "status": "{status}", "payout": "{sum}", "currency": "{currency}",
            "event_name": "{goal}", "conversion_time": "{timestamp}", "geo_country": "{geo}",
        },
        statuses=WORDS,
    ),
    "redtrack": Tracker(
        title="RedTrack", fact="https://help.redtrack.io/knowledgebase/kb/conversion-tracking/supported-dynamic-parameters",
        names={**SUBS, "sum": "payout", "offerid": "offer", "campaignid": "campaign", "convtype": "event_name",
               "convtime": "conversion_time", "ref_id": "transaction_id"},
        click=("clickid", "click_id", "ref_id"),
        macros={
            # To a traffic source it gives the source's own id of the click as {ref_id}; {clickid} is for offers.
            "transaction_id": "{ref_id}", "offer": "{offerid}", "payout": "{payout}", "currency": "{currency}",
            "event_name": "{type}", "status": "{status}", "geo_country": "{country}", "sub_id": "{sub1}",
        },
        statuses=WORDS,
    ),
    "voluum": Tracker(
        title="Voluum", fact="https://doc.voluum.com/en/traffic_source_postback_url.html",
        names={**SUBS, "cid": "transaction_id", "externalid": "transaction_id", "txid": "external_transaction_id",
               "et": "event_name", "offer.id": "offer", "transaction.id": "external_transaction_id",
               "conversion.type": "event_name", "event.type": "event_name"},
        click=("externalid", "cid", "clickid", "click_id"),
        macros={
            "transaction_id": "{externalid}", "payout": "{payout}", "offer": "{offer.id}", "geo_country": "{country}",
        },
    ),
    "binom": Tracker(
        title="Binom", fact="https://docs.binom.org/conv-to-source-v2.php",
        names={
            **SUBS, "cnv_id": "transaction_id", "externalid": "transaction_id", "cnv_status": "status",
            "cnv_status2": "event_name", "cnv_currency": "currency", "country_code": "geo_country",
        },
        click=("externalid", "cnv_id", "clickid", "click_id"),
        macros={
            "transaction_id": "{externalid}", "payout": "{payout}", "currency": "{cnv_currency}",
            "status": "{cnv_status}", "geo_country": "{country_code}",
        },
        statuses=WORDS,
    ),
    "keitaro": Tracker(
        title="Keitaro", fact="https://docs.keitaro.io/en/campaigns-and-streams/s2s-postback-placeholders.html",
        names={
            "subid": "transaction_id", "external_id": "transaction_id", "tid": "external_transaction_id",
            "profit": "profit", "from": "network", "campaign_id": "campaign", "date": "click_time",
        },
        click=("subid", "external_id", "clickid", "click_id"),
        macros={
            "transaction_id": "{subid}", "external_transaction_id": "{tid}", "status": "{status}",
            "payout": "{revenue}", "offer": "{offer_id}", "sub_id": "{sub_id_1}", "sub_id_2": "{sub_id_2}",
            "geo_country": "{country}",  # the two letters, where no language follows
        },
        statuses=WORDS,
    ),
    "appsflyer": Tracker(
        title="AppsFlyer", fact="https://support.appsflyer.com/hc/en-us/articles/207273946-Postback-macros-for-ad-networks",
        # A partner calls its parameters as it likes; most take AppsFlyer's names, with - or _.
        names={
            spelling: ours
            for theirs, ours in {
                "event-name": "event_name", "event-revenue": "revenue", "event-revenue-currency": "currency",
                "country-code": "geo_country", "app-id": "bundle_id", "af-siteid": "sub_id",
                "timestamp": "conversion_time", "event-time": "conversion_time", "install-unix-ts": "unix_time",
                "click-ts": "click_time", "blocked-reason": "rejection_reason",
            }.items()
            for spelling in (theirs, theirs.replace("-", "_"))
        },
        click=("clickid", "click_id"), dollars={"event-revenue-usd": "revenue", "event_revenue_usd": "revenue"},
        rejects={"blocked-reason": "", "blocked_reason": "", "rejection_reason": ""},
        macros={
            "transaction_id": "(clickid)", "bundle_id": "(app-id)", "event_name": "(event-name)",
            "revenue": "(event-revenue)", "currency": "(event-revenue-currency)", "geo_country": "(country-code)",
            "conversion_time": "(timestamp)", "rejection_reason": "(blocked-reason)",
        },
    ),
    "adjust": Tracker(
        title="Adjust", fact="https://help.adjust.com/en/partner/placeholders",
        names={
            "label": "transaction_id", "adid": "device_id", "revenue_float": "revenue", "created_at": "conversion_time",
            "app_id": "bundle_id", "store_app_id": "bundle_id", "created_at_milli": "conversion_time", "os_name": "os",
        },
        click=("label", "clickid", "click_id"),
        rejects={"activity_kind": "rejected", "rejection_reason": ""}, tests={"environment": "sandbox"},
        kinds={
            "activity_kind": {
                "click": "click", "impression": "impression",
                **dict.fromkeys(("session", "uninstall", "ad_spend", "ad spend", "cost_update"), "event"),
            },
        },
        event_names=("activity_kind",),
        macros={
            "transaction_id": "{label}", "activity_kind": "{activity_kind}", "environment": "{environment}",
            "device_id": "{adid}", "event_name": "{event_name}",
            "revenue": "{revenue_float}", "currency": "{currency}", "geo_country": "{country}",
            "conversion_time": "{created_at}",
        },
    ),
    "singular": Tracker(
        title="Singular",
        fact="https://support.singular.net/hc/en-us/articles/115004063323-Postback-Macros-and-Passthrough-Parameters-for-Ad-Networks",
        names={
            "cl": "transaction_id", "cl_id": "transaction_id", "clid": "transaction_id", "evtname": "event_name",
            "amount": "revenue", "utcm": "conversion_time", "longname": "bundle_id", "cur": "currency",
            "utc": "conversion_time", "geo": "geo_country", "n": "event_name", "timestamp": "conversion_time",
            "app_id": "bundle_id",
        },
        click=("cl", "cl_id", "clid", "clickid", "click_id"),
        macros={
            "transaction_id": "{cl?YourNetwork}", "bundle_id": "{LONGNAME}", "event_name": "{EVTNAME}",
            "revenue": "{AMOUNT}", "conversion_time": "{UTCM}",
        },
    ),
}  # fmt: skip
