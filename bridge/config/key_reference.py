"""Explain each key of bridge.yaml, with an example. Kinds and defaults come from the schemas.

`docs/generate.py` makes the reference page from it. A test fails for a key without its sentence and example, and reads
every example as the file would be read.
"""

from typing import NamedTuple


class Key(NamedTuple):
    """One sentence, one example as YAML (the value of the key), and the default.

    The default is written here only if the schema has none, or one that depends on other keys.
    """

    about: str
    example: str
    without: str = "none"


class Variable(NamedTuple):
    """A variable of the environment: one sentence, its default, and an example."""

    about: str
    default: str
    example: str


ENVIRONMENT = {
    "BRIDGE_HOME": Variable(
        "The directory with bridge.yaml, rules and tables.", "the current directory", "/srv/my-network"
    ),
    "DATABASE_URL": Variable(
        "The database for all data: `postgresql://` or `sqlite:///`.",
        "SQLite in `$BRIDGE_HOME/var`",
        "postgresql://bridge@db/bridge",
    ),
    "REDIS_URL": Variable(
        "The queue between the processes: `redis://`, `rediss://` or `unix://`.",
        "`up` starts an embedded Valkey; other processes need it",
        "redis://redis:6379/0",
    ),
    "OBSERVATIONS_URL": Variable(
        "The database for rows of reports: `clickhouse://`, or `clickhouses://` with TLS.",
        "the service's database",
        "clickhouse://bridge@clickhouse/bridge",
    ),
    "BRIDGE_SECRET_KEY": Variable(
        "Encrypts provisioned passwords and signs sessions; during a rotation several keys, separated by commas.",
        "none; `init` writes one into .env",
        "two-hundred-random-bits",
    ),
    "SENTRY_DSN": Variable("Switches Sentry on.", "off", "https://key@sentry.example.com/1"),
    "SENTRY_SAMPLE_RATE": Variable("The share of errors that are sent to Sentry, from 0 to 1.", "`1`", "0.25"),
    "SENTRY_TRACES_SAMPLE_RATE": Variable(
        "The share of requests and tasks that send a trace to Sentry, from 0 to 1.", "`0`", "0.05"
    ),
    "BRIDGE_ENVIRONMENT": Variable("The name of this environment in Sentry.", "`production`", "staging"),
    "BRIDGE_LOG": Variable("The format of log lines: `console` for people, `json` for programs.", "`console`", "json"),
    "BRIDGE_WORKER_METRICS": Variable(
        "The address at which a worker serves metrics: a port of loopback, or `host:port`.", "nowhere", "9100"
    ),
    "BRIDGE_WORKER_ACCOUNTS": Variable(
        "The accounts with `queues: own` that a worker serves, separated by commas; `shared` stands for all common "
        "queues.",
        "everything",
        "shared",
    ),
    "BRIDGE_BIND": Variable("The address on which the web process listens.", "`127.0.0.1`", "10.0.0.5"),
    "PORT": Variable("The port on which the web process listens.", "`8000`", "8080"),
    "WEB_WORKERS": Variable("How many web processes answer requests, from 1 to 64.", "`1`", "4"),
    "BRIDGE_WEB_GRACE": Variable(
        "How many seconds a web process has to finish requests when it is told to stop, from 1 to 1800.", "`20`", "60"
    ),
}

TOP_LEVEL_KEYS = {
    "accounts": Key("Organisations at Integr8, each under a name of your choice.", "{main: {base_url: ...}}"),
    "sources": Key(
        "Who may send webhooks to `/hooks/NAME`, and how each sender is authenticated.", "{crm: {verify: stripe}}"
    ),
    "channels": Key(
        "The channels for messages to people and programs.", '{traffic: {apprise: "${TRAFFIC_CHANNEL_URL}"}}'
    ),
    "tables": Key(
        "Types of columns of tables/*.csv; a column without a type takes the type of its cells. `key` makes a "
        "column one of the keys; `from` and `to` make it the first and the last day of a row.",
        "{budgets: {daily: money}}",
    ),
    "budgets": Key(
        "How many changes all rules that name the budget under `guards.budgets` may make together, in a `day` or a "
        "`month` of the account's calendar.",
        "{pauses: {effects: 30, per: day}}",
    ),
    "dimensions": Key(
        "More dimensions for `per`, in addition to offer, publisher, advertiser, sub_id and country. The service "
        "keeps them for each report row from its next start on.",
        "[os, sub_id_2]",
    ),
    "notices": Key("The channels that are notified of problems with the service.", "{operations: ops}"),
    "http": Key("Where the `http` action of rules may go.", "{allow: [https://crm.example.com]}", "nowhere"),
    "keep": Key("For how many days observations are kept.", "{rows: 95, observations: 800}"),
    "trusted_proxies": Key("Addresses of proxies whose `X-Forwarded-For` the service trusts.", "[10.0.0.0/8]"),
    "public_url": Key(
        "The address at which people and senders reach this service; it may have a path.", "https://bridge.example.com"
    ),
    "login": Key("An identity provider for sign-in, in addition to passwords.", "{oidc: {issuer: ...}}"),
    "metrics": Key("Who may read `/metrics`.", '{token: "${METRICS_TOKEN}"}'),
}

ACCOUNT = {
    "base_url": Key("The address of the organisation's Integr8 API, without ? and #.", "https://api.app.integr8.co"),
    "api_key": Key(
        "The API key of this organisation. Create it at Integr8 under Organization > User Management > API Keys.",
        '"${INTEGR8_API_KEY}"',
    ),
    "integrations": Key("Names of your choice, each with the id of an integration.", '{default: "${INTEGRATION_ID}"}'),
    "rate": Key("How often all processes together may call Integr8.", "{per_second: 5, burst: 10}"),
    "timezone": Key(
        "The time zone of `today` and of other calendar windows, unless a rule names another one.", "Europe/Berlin"
    ),
    "currency": Key("The currency of the account's money, in three letters.", "EUR"),
    "protected": Key("Ids that no rule ever touches, by kind.", "{offer: [1001], publisher: [7]}"),
    "routes": Key("Operations that have another path at this organisation.", '{offers.list: "GET /api/v3/offers"}'),
    "rejection_url": Key("The address for rejections of conversions.", '"${REJECTION_URL}"'),
    "poll": Key(
        "Seconds between two polls of a feed; 0 switches a feed off.",
        "{clicks: 600, impressions: 0}",
        "`{clicks: 300, conversions: 120, impressions: 0}`",
    ),
    "queues": Key(
        "With `own`, changes, reports and due rules of this account wait in separate queues. "
        "`BRIDGE_WORKER_ACCOUNTS` assigns them to workers.",
        "own",
    ),
    "false_incidents": Key(
        "How many false incidents of broken tracking a month you accept. A larger number finds breaks sooner.",
        "5",
    ),
}
RATE = {
    "per_second": Key("Calls per second on average.", "5"),
    "burst": Key("The largest number of calls in one second.", "10", "`per_second`"),
}
KEEP = {
    "rows": Key("For how many days single rows are kept; afterwards only sums per hour are kept.", "95"),
    "observations": Key("After how many days the sums are deleted too.", "800"),
}
NOTICES = {
    "operations": Key("Channels that are notified of halts, stalled feeds, broken rules and dead letters.", "[ops]")
}
METRICS = {
    "token": Key("The bearer token for `/metrics`, at least 16 characters.", '"${TOKEN}"', "everybody may read"),
}

OIDC = {
    "issuer": Key("The https:// address of the provider, without ? and #.", "https://login.example.com/realms/main"),
    "client_id": Key("The id of this service at the provider.", "integr8-bridge"),
    "client_secret": Key("The secret of this service at the provider.", '"${OIDC_SECRET}"'),
    "roles": Key(
        "How groups of the provider map to roles of this service.", "{claim: groups, map: {traffic: operator}}"
    ),
    "label": Key("The text of the sign-in button.", "Company login"),
    "scopes": Key("The scopes that the service requests from the provider.", "[openid, email, profile, groups]"),
    "domains": Key("Only e-mail addresses of these domains may sign in.", "[example.com]", "any"),
    "ca_file": Key("A PEM file with the CA of the provider, if it is a private one.", "certificates/our-ca.pem"),
}
LOGIN = {"oidc": Key("A provider that speaks OpenID Connect.", "{issuer: ..., client_id: ..., roles: ...}")}
BUDGET = {
    "effects": Key("The largest number of changes.", "30"),
    "per": Key("In a `day` or a `month` of the account's calendar.", "day"),
}
ROLES = {
    "claim": Key("The claim with the groups; dots lead into nested claims.", "realm_access.roles"),
    "map": Key(
        "Group → viewer, operator or admin. If several groups match, the highest role applies.",
        "{traffic: operator, it: admin}",
    ),
}

CHANNEL = {
    "apprise": Key("One or more Apprise addresses: Slack, Telegram, mail and a hundred more.", '"${SLACK_URL}"'),
    "webhook": Key("An address that receives signed JSON (Standard Webhooks).", "https://crm.example.com/hooks"),
    "secret": Key("The secret that signs the messages of `webhook`.", '"${CALLBACK_SECRET}"'),
    "secrets": Key("Several secrets during a rotation; each of them signs.", '["${NEW_SECRET}", "${OLD_SECRET}"]'),
    "allow_private": Key("Private networks that the address of `webhook` may belong to.", "[10.1.0.0/16]"),
    "event_names": Key(
        "The names of events that `webhook` receives: `current`, or for one version `former`.", "current", "`former`"
    ),
    "timeout": Key("How long the service waits for an answer.", "10s", "15 s for programs"),
    "group": Key("Messages within this time are sent as one.", "30s", "10 s for people"),
    "digest": Key("Collect for this long and send one summary.", "7d"),
}

HTTP = {
    "allow": Key(
        "Addresses that rules may call: a host, or a host and the beginning of a path.", "[https://a.example]"
    ),
    "allow_private": Key("Private networks that the allowed names may resolve to.", "[10.1.0.0/16]"),
    "timeout": Key("How long a call may take altogether.", "10s"),
    "max_answer": Key("How much of an answer the service reads.", "256kB"),
    "redirects": Key("How many redirects the service follows; 0 for none.", "3"),
}

SOURCE = {
    "verify": Key("How requests are authenticated, or the name of a preset.", "hubspot"),
    "preset": Key("The name of a preset, if `verify` names its method; `verify: NAME` alone is shorter.", "github"),
    "secret": Key("The shared secret.", '"${CRM_SECRET}"'),
    "secrets": Key("Several secrets during a rotation, the newest first.", '["${NEW}", "${OLD}"]'),
    "token": Key("The token that the sender sends.", '"${POSTBACK_TOKEN}"'),
    "tokens": Key("Several tokens during a rotation, the newest first.", '["${NEW}", "${OLD}"]'),
    "username": Key("The user of `verify: basic`.", "crm"),
    "password": Key("The password of `verify: basic`.", '"${CRM_PASSWORD}"'),
    "passwords": Key("Several passwords during a rotation.", '["${NEW}", "${OLD}"]'),
    "in": Key("The places where a token may be: `path`, `query`, `header`, `body`.", "[header]", "path and query"),
    "parameter": Key("The query parameter of a token, or its path in the body.", "key", "`token`"),
    "header": Key("The header of the signature or token.", "X-Signature"),
    "digest": Key("The digest of the HMAC.", "sha512", "`sha256`"),
    "encoding": Key("The encoding of the signature.", "base64", "hex for `hmac`, base64 for `public-key`"),
    "secret_form": Key("The encoding of the secret.", "hex", "text; base64 with standard-webhooks"),
    "public_key": Key(
        "The sender's public key in PEM (also of a certificate), base64, hex or as a JWK.", '"${SENDGRID_PUBLIC_KEY}"'
    ),
    "public_keys": Key("Several public keys during a rotation.", '["${NEW}", "${OLD}"]'),
    "verify_token": Key("The token with which Meta verifies the address.", '"${META_VERIFY_TOKEN}"'),
    "covered": Key(
        "What an RFC 9421 signature must cover in addition to the body's digest.", '["@method"]', "`@method`"
    ),
    "claim": Key("The claim of a `jwt` that holds the SHA-256 of the body, in hex.", "request_body_sha256"),
    "webhook_id": Key("The sender's id of the webhook, for `{webhook_id}` in `signed`.", '"${PAYPAL_WEBHOOK_ID}"'),
    "prefix": Key("The text before the signature.", "sha256="),
    "signature": Key("The place of the signature, if not in `header`.", "query:sig"),
    "separator": Key("The text between two parts of a header.", '";"', "a comma"),
    "signed": Key("The text that is signed.", '"{timestamp}.{body}"', "`{body}`"),
    "signature_part": Key("The name of the header part with the signature; `rest` if parts have no names.", "v1"),
    "timestamp_part": Key("The name of the header part with the time; `first` if parts have no names.", "t"),
    "timestamp_header": Key("The header with the time of the signature.", "X-Timestamp"),
    "timestamp": Key("The place of the signature's time, if not in a header.", "meta.signed_at"),
    "id_header": Key("The header with the delivery id, for `{id}` in `signed`.", "X-Event-Id"),
    "tolerance": Key("How far the time of a signature may differ from now.", "10m"),
    "allow_ips": Key("Addresses and networks that may send; `integr8` stands for Integr8's own.", "[203.0.113.0/24]"),
    "trusted_proxies": Key(
        "Proxies of this source, instead of those of the service.", "[10.0.0.0/8]", "those of the service"
    ),
    "format": Key("The format of the body; `auto` follows the content type.", "csv"),
    "dialect": Key("The tracker that sends the postbacks, with `format: postback`.", "everflow"),
    "event_type": Key("The place of an event's type.", "header:X-Event-Type"),
    "delivery_id": Key("The place of the sender's id. Requests with the same id are the same event.", "event.id"),
    "shown_id": Key(
        "The place of an id that is only shown. It is not signed, so it does not identify events.", "header:X-Delivery"
    ),
    "split": Key("The list in a body whose items become single events; or `auto` or `never`.", "entry.changes"),
    "json_in": Key("The field of a form that holds JSON, if the form has other fields too.", "rawRequest"),
    "event_time": Key("The place of an event's time.", "created_at", "the time of receipt"),
    "order_by": Key("The place of the value that orders events about the same object.", "deal.version"),
    "order_per": Key("The place of that object's id.", "deal.id"),
    "timezone": Key("The time zone of times without an offset.", "Europe/Berlin"),
    "max_body": Key("The largest accepted body.", "2MiB"),
    "max_inflated": Key("The largest body after decompression.", "8MiB"),
    "max_depth": Key("The deepest nesting of a JSON body.", "64"),
    "map": Key(
        "Our name of a field → the sender's name. The value moves there before anything else looks at the body.",
        "{contact.email: deal.mail}",
    ),
    "expects": Key(
        "Field → type that the body must have, see the list below; `?` makes the field optional, a list of values is "
        "a choice.",
        "{deal.id: integer, deal.type: [publisher, advertiser]}",
    ),
    "on_mismatch": Key(
        "What happens to a body that does not match `expects`.", "quarantine", "`refuse`; for postbacks `quarantine`"
    ),
}

#: The kinds of `expects`, and what a value may be.
EXPECTED_KINDS = {
    "text": "a text; a number is taken digit by digit",
    "integer": "a whole number of up to 38 digits, also as a text",
    "decimal": "an exact number, also as a text: `12.50`, `1e+06`",
    "boolean": "`true`, `false`, `1` or `0`, also as a text",
    "time": "a moment in ISO 8601, or seconds or milliseconds since 1970; without a zone that of `timezone`",
    "email": "an e-mail address",
    "country": "two letters; they become capitals",
    "list": "a list",
    "object": "an object with fields of its own",
}

TABLES = {
    "number": "an exact number: `1500`, `1,500.00`, `1.500,00`, `$12.50`; `1,500` has two meanings and is refused",
    "money": "a number that is an amount of money",
    "percent": "`5%` or `0.05`",
    "text": "unchanged: `007` stays `007`",
    "boolean": "`true` or `false`",
    "key": "one of the columns that find a row, in the order of the file; without any, as many columns from the left "
    "as make each row unique",
    "from": "the first day on which the row is valid, `2026-12-01`; the default for a column named `from`",
    "to": "the last day on which the row is valid; the default for a column named `to`",
}
