"""Presets of known senders: one row each, with what their documentation says about their webhooks.

A row gives settings that a `sources:` entry would otherwise write out. `fact` is where the row's facts stand. Where the
sender does not sign its delivery id, the id is shown (`shown_id`) and the signed body tells events apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One sender. `settings` are keys of a `sources:` entry; `secret` says where to find its secret at the sender.

    `other_forms` are settings that replace those if the signature may have another form too.
    """

    title: str
    verify: str
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    setup: str | None = None  # the set-up call that is answered, see bridge.sources.setup_calls
    status: int = 202  # some senders count one status alone as success
    secret: str = "the signing secret that the sender shows with the webhook"  # noqa: S105 - a sentence about one
    fact: str
    other_forms: tuple[Mapping[str, Any], ...] = ()
    asymmetric: bool = False  # of a method that takes either: the sender has a private key

    @property
    def key(self) -> str:
        """The setting that holds the credential of the sender."""
        if self.asymmetric or self.verify == "public-key":
            return "public_key"
        return {"token": "token", "basic": "password"}.get(self.verify, "secret")


def _hmac(title: str, fact: str, header: str, **more: Any) -> Preset:
    """Return a preset for HMAC in a header. Keys of Preset and of a source's settings may be mixed."""
    own = {name: more.pop(name) for name in ("setup", "status", "secret", "other_forms") if name in more}
    return Preset(title=title, verify="hmac", settings={"header": header, **more}, fact=fact, **own)


def _standard(title: str, fact: str, **settings: Any) -> Preset:
    return Preset(title=title, verify="standard-webhooks", settings=settings, fact=fact)


STAMPED = "{timestamp}.{body}"
T_V1 = {"signature_part": "v1", "timestamp_part": "t", "signed": STAMPED}

PRESETS: Mapping[str, Preset] = {
    # --- payment and shops ---
    "stripe": _hmac(
        "Stripe", "https://docs.stripe.com/webhooks/signature", "Stripe-Signature", **T_V1,
        event_type="type", delivery_id="id", event_time="created",
    ),
    "paypal": Preset(
        title="PayPal", verify="public-key", fact="https://developer.paypal.com/api/rest/webhooks/rest/",
        settings={
            "header": "PAYPAL-TRANSMISSION-SIG", "timestamp_header": "PAYPAL-TRANSMISSION-TIME",
            "signed": "{header:PAYPAL-TRANSMISSION-ID}|{timestamp}|{webhook_id}|{crc32}",
            "tolerance": "1d",  # it repeats for three days; whether each attempt has its own time, it does not say
            "event_type": "event_type", "delivery_id": "id", "event_time": "create_time",
        },
        secret="the certificate behind the address in PAYPAL-CERT-URL of a delivery, in PEM; webhook_id is shown beside the webhook",  # noqa: E501, S106
    ),
    "mollie": _hmac(
        "Mollie (webhooks with events)", "https://docs.mollie.com/reference/webhooks-new", "X-Mollie-Signature",
        prefix="sha256=", event_type="type", delivery_id="id", event_time="createdAt",
    ),
    "plaid": Preset(
        title="Plaid", verify="jwt", fact="https://plaid.com/docs/api/webhooks/webhook-verification/", asymmetric=True,
        settings={
            "header": "Plaid-Verification", "claim": "request_body_sha256",
            "event_type": "webhook_code",
        },
        secret="the key of /webhook_verification_key/get as a JWK; during a rotation list several in public_keys",  # noqa: S106
    ),
    "recurly": _hmac(
        "Recurly", "https://docs.recurly.com/recurly-subscriptions/docs/webhooks", "recurly-signature",
        signature_part="rest", timestamp_part="first", signed=STAMPED, event_type="event_type", event_time="event_time",
    ),
    "chargebee": Preset(
        title="Chargebee", verify="basic", fact="https://apidocs.chargebee.com/docs/api/webhooks",
        settings={"event_type": "event_type", "delivery_id": "id", "event_time": "occurred_at"},
        secret="user and password given with the webhook",  # noqa: S106
    ),
    "wise": Preset(
        title="Wise", verify="public-key", fact="https://docs.wise.com/guides/developer/webhooks/event-handling",
        settings={
            "header": "X-Signature-SHA256", "event_type": "event_type", "shown_id": "header:X-Delivery-Id",
            "event_time": "data.occurred_at or sent_at",
        },
        secret="the public key from its documentation",  # noqa: S106
    ),
    "dodopayments": _standard(
        "Dodo Payments", "https://docs.dodopayments.com/developer-resources/webhooks", event_type="type",
        event_time="timestamp",
    ),
    "paddle": _hmac(
        "Paddle Billing", "https://developer.paddle.com/webhooks/signature-verification", "Paddle-Signature",
        signature_part="h1", timestamp_part="ts", separator=";", signed="{timestamp}:{body}",
        event_type="event_type", delivery_id="event_id", event_time="occurred_at",
    ),
    "square": _hmac(
        "Square", "https://developer.squareup.com/docs/webhooks/step3validate", "x-square-hmacsha256-signature",
        encoding="base64", signed="{url}{body}", event_type="type", delivery_id="event_id", event_time="created_at",
    ),
    "adyen": Preset(
        title="Adyen payments", verify="hmac", fact="https://docs.adyen.com/development-resources/webhooks/verify-hmac-signatures",
        secret="the HMAC key of the webhook, in hex",  # noqa: S106 - a sentence
        settings={
            "signature": "notificationItems.NotificationRequestItem.additionalData.hmacSignature",
            "encoding": "base64", "secret_form": "hex", "split": "notificationItems",
            "signed": ":".join(
                f"{{body.notificationItems.NotificationRequestItem.{name}}}"
                for name in (
                    *("pspReference", "originalReference", "merchantAccountCode", "merchantReference"),
                    *("amount.value", "amount.currency", "eventCode", "success"),
                )
            ),
            "event_type": "notificationItems.NotificationRequestItem.eventCode",
            # An item has no id of its own. The sender says that two of the same payment and code are one; `success`
            # belongs to it, because a payment may first fail and then succeed.
            "delivery_id": " + ".join(
                f"notificationItems.NotificationRequestItem.{name}" for name in ("pspReference", "eventCode", "success")
            ),
            "event_time": "notificationItems.NotificationRequestItem.eventDate",
        },
    ),
    "gocardless": _hmac(
        "GoCardless", "https://developer.gocardless.com/getting-started/staying-up-to-date-with-webhooks",
        "Webhook-Signature", split="events", event_type="events.action", delivery_id="events.id",
        event_time="events.created_at",
    ),
    "razorpay": _hmac(
        "Razorpay", "https://razorpay.com/docs/webhooks/validate-test/", "X-Razorpay-Signature",
        event_type="event", shown_id="header:X-Razorpay-Event-Id", event_time="created_at",
    ),
    "paystack": _hmac(
        "Paystack", "https://paystack.com/docs/payments/webhooks/", "X-Paystack-Signature", digest="sha512",
        event_type="event", secret="the secret key of the account",  # noqa: S106
    ),
    "lemonsqueezy": _hmac(
        "Lemon Squeezy", "https://docs.lemonsqueezy.com/help/webhooks/signing-requests", "X-Signature",
        event_type="meta.event_name",
    ),
    "coinbase-commerce": _hmac(
        "Coinbase Commerce", "https://docs.cdp.coinbase.com/commerce-onchain/docs/webhooks-security",
        "X-CC-Webhook-Signature", event_type="event.type", delivery_id="event.id", event_time="event.created_at",
    ),
    "shopify": _hmac(
        "Shopify", "https://shopify.dev/docs/apps/build/webhooks/subscribe/https", "X-Shopify-Hmac-Sha256",
        encoding="base64", event_type="header:X-Shopify-Topic", event_time="header:X-Shopify-Triggered-At",
        shown_id="header:X-Shopify-Webhook-Id",
    ),
    "woocommerce": _hmac(
        "WooCommerce", "https://woocommerce.com/document/webhooks/", "X-WC-Webhook-Signature", encoding="base64",
        event_type="header:X-WC-Webhook-Topic", shown_id="header:X-WC-Webhook-Delivery-ID", setup="woocommerce",
    ),
    "xero": _hmac(
        "Xero", "https://developer.xero.com/documentation/guides/webhooks/configuring-your-server", "x-xero-signature",
        encoding="base64", split="events", event_type="events.eventType", event_time="events.eventDateUtc", status=200,
    ),
    "polar": _standard(
        "Polar", "https://polar.sh/docs/integrate/webhooks/delivery", secret_form="text",  # noqa: S106
        event_type="type", event_time="timestamp or data.created_at",
    ),
    "easypost": _hmac(
        "EasyPost", "https://docs.easypost.com/guides/webhooks-guide", "X-Hmac-Signature", prefix="hmac-sha256-hex=",
        event_type="description", delivery_id="id", event_time="created_at",
    ),
    # --- CRM and support ---
    "hubspot": _hmac(
        "HubSpot", "https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests",
        "X-HubSpot-Signature-v3", encoding="base64", timestamp_header="X-HubSpot-Request-Timestamp",
        signed="{method}{url}{body}{timestamp}", event_type="subscriptionType",
        delivery_id="subscriptionId + eventId + objectId + occurredAt",  # eventId alone is not unique there
        event_time="occurredAt", secret="the client secret of the app",  # noqa: S106
    ),
    "pipedrive": Preset(
        title="Pipedrive", verify="basic", fact="https://pipedrive.readme.io/docs/guide-for-webhooks-v2",
        settings={
            "event_type": "meta.action", "delivery_id": "meta.id + meta.timestamp", "event_time": "meta.timestamp",
        },
        secret="the HTTP user and password given with the webhook",  # noqa: S106
    ),
    "close": _hmac(
        "Close", "https://developer.close.com/topics/webhooks/", "close-sig-hash", secret_form="hex",  # noqa: S106
        timestamp_header="close-sig-timestamp", signed="{timestamp}{body}", event_type="event.action",
        delivery_id="event.id", event_time="event.date_created",
    ),
    "intercom": _hmac(
        "Intercom", "https://developers.intercom.com/docs/references/webhooks/webhook-models", "X-Hub-Signature",
        prefix="sha1=", digest="sha1", event_type="topic", delivery_id="id", event_time="created_at",
        secret="the client secret of the app",  # noqa: S106
    ),
    "zendesk": _hmac(
        "Zendesk", "https://developer.zendesk.com/documentation/webhooks/verifying/",
        "X-Zendesk-Webhook-Signature", encoding="base64", timestamp_header="X-Zendesk-Webhook-Signature-Timestamp",
        signed="{timestamp}{body}", event_type="type", delivery_id="id", event_time="time",
    ),
    "customerio": _hmac(
        "Customer.io", "https://docs.customer.io/journeys/webhooks/", "X-CIO-Signature",
        timestamp_header="X-CIO-Timestamp", signed="v0:{timestamp}:{body}", event_type="metric",
        delivery_id="event_id", event_time="timestamp",
    ),
    "highlevel": Preset(
        title="HighLevel", verify="public-key", fact="https://marketplace.gohighlevel.com/docs/webhook/WebhookIntegrationGuide/",
        settings={
            "header": "X-GHL-Signature", "event_type": "type", "delivery_id": "webhookId", "event_time": "timestamp",
        },
        secret="the Ed25519 key from its documentation, which is public",  # noqa: S106
    ),
    "helpscout": _hmac(
        "Help Scout", "https://developer.helpscout.com/webhooks/", "X-HelpScout-Signature", digest="sha1",
        encoding="base64", event_type="header:X-HelpScout-Event",
    ),
    "klaviyo": _hmac(
        "Klaviyo", "https://developers.klaviyo.com/en/docs/working_with_system_webhooks", "Klaviyo-Signature",
        timestamp_header="Klaviyo-Timestamp", signed="{body}{timestamp}", split="data", event_type="data.topic",
        delivery_id="data.external_id",
    ),
    "mautic": _hmac(
        "Mautic", "https://docs.mautic.org/en/latest/configuration/webhooks.html", "Webhook-Signature",
        encoding="base64",
    ),
    # --- forms and calendars ---
    "typeform": _hmac(
        "Typeform", "https://www.typeform.com/developers/webhooks/secure-your-webhooks/", "Typeform-Signature",
        prefix="sha256=", encoding="base64", event_type="event_type", delivery_id="event_id",
        event_time="form_response.submitted_at",
    ),
    "calendly": _hmac(
        "Calendly", "https://developer.calendly.com/api-docs/4c305798a61d3-webhook-signatures",
        "Calendly-Webhook-Signature", **T_V1, event_type="event", event_time="created_at",
    ),
    "calcom": _hmac(
        "Cal.com", "https://cal.com/docs/developing/guides/automation/webhooks", "X-Cal-Signature-256",
        event_type="triggerEvent", event_time="createdAt",
    ),
    "tally": _hmac(
        "Tally", "https://tally.so/help/webhooks", "Tally-Signature", encoding="base64", event_type="eventType",
        delivery_id="eventId", event_time="createdAt",
    ),
    "webflow": _hmac(
        "Webflow", "https://developers.webflow.com/data/docs/working-with-webhooks", "x-webflow-signature",
        timestamp_header="x-webflow-timestamp", signed="{timestamp}:{body}", event_type="triggerType",
    ),
    "surveymonkey": _hmac(
        "SurveyMonkey", "https://api.surveymonkey.com/v3/docs#webhooks", "Sm-Signature", digest="sha1",
        encoding="base64", event_type="event_type", delivery_id="event_id", event_time="event_datetime",
        setup="head", secret="the client id and the client secret of the app, joined by &",  # noqa: S106
    ),
    "formstack": _hmac(
        "Formstack Forms", "https://help.formstack.com/hc/en-us/articles/360019520271-WebHooks", "X-FS-Signature",
        prefix="sha256=", delivery_id="UniqueID",
    ),
    # --- e-mail ---
    "sendgrid": Preset(
        title="SendGrid events", verify="public-key",
        fact="https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features",
        settings={
            "header": "X-Twilio-Email-Event-Webhook-Signature", "signed": "{timestamp}{body}",
            "timestamp_header": "X-Twilio-Email-Event-Webhook-Timestamp", "event_type": "event",
            "delivery_id": "sg_event_id", "event_time": "timestamp",
        },
        secret="the verification key of the event webhook, which is public",  # noqa: S106
    ),
    "mailgun": Preset(
        title="Mailgun", verify="hmac", fact="https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
        settings={
            "signature": "signature.signature", "timestamp": "signature.timestamp",
            "signed": "{body.signature.timestamp}{body.signature.token}", "event_type": "event-data.event",
            "delivery_id": "event-data.id", "event_time": "event-data.timestamp",
        },
        secret="the HTTP webhook signing key",  # noqa: S106
    ),
    "postmark": Preset(
        title="Postmark", verify="basic", fact="https://postmarkapp.com/developer/webhooks/webhooks-overview",
        settings={"event_type": "RecordType"},
        secret="user and password given with the webhook",  # noqa: S106
    ),
    "mandrill": _hmac(
        "Mandrill (Mailchimp Transactional)",
        "https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/", "X-Mandrill-Signature",
        digest="sha1", encoding="base64", signed="{url}{form}", json_in="mandrill_events", event_type="event",
        event_time="ts", secret="the key in the list of webhooks",  # noqa: S106
    ),
    "resend": _standard(
        "Resend", "https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests",
        event_type="type", event_time="created_at",
    ),
    "mailerlite": _hmac(
        "MailerLite", "https://developers.mailerlite.com/docs/webhooks.html", "Signature", split="events",
        event_type="events.type or type",
    ),
    # --- chat and telephony ---
    "slack": _hmac(
        "Slack events", "https://docs.slack.dev/authentication/verifying-requests-from-slack", "X-Slack-Signature",
        prefix="v0=", timestamp_header="X-Slack-Request-Timestamp", signed="v0:{timestamp}:{body}",
        event_type="event.type or type", delivery_id="event_id", event_time="event_time", setup="slack",
    ),
    "discord": Preset(
        title="Discord", verify="public-key", fact="https://docs.discord.com/developers/events/webhook-events",
        settings={
            "header": "X-Signature-Ed25519", "encoding": "hex", "timestamp_header": "X-Signature-Timestamp",
            "signed": "{timestamp}{body}", "event_type": "event.type", "event_time": "event.timestamp",
        },
        setup="discord", status=204, secret="the public key of the application",  # noqa: S106
    ),
    "line": _hmac(
        "LINE", "https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/", "X-Line-Signature",
        encoding="base64", split="events", event_type="events.type", delivery_id="events.webhookEventId",
        event_time="events.timestamp", secret="the channel secret",  # noqa: S106
    ),
    "telegram": Preset(
        title="Telegram bots", verify="token", fact="https://core.telegram.org/bots/api#setwebhook",
        settings={"in": ["header"], "header": "X-Telegram-Bot-Api-Secret-Token", "delivery_id": "update_id"},
        secret="the secret_token given to setWebhook",  # noqa: S106
    ),
    "twilio": _hmac(
        "Twilio", "https://www.twilio.com/docs/usage/security#validating-requests", "X-Twilio-Signature",
        digest="sha1", encoding="base64", signed="{url}{form}", event_type="SmsStatus", shown_id="MessageSid",
        secret="the auth token of the account",  # noqa: S106
    ),
    "pusher": _hmac(
        "Pusher Channels", "https://pusher.com/docs/channels/server_api/webhooks/", "X-Pusher-Signature",
        timestamp="time_ms", split="events", event_type="events.name", event_time="time_ms",
        secret="the secret of the app's key",  # noqa: S106
    ),
    "telnyx": Preset(
        title="Telnyx", verify="public-key", fact="https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks",
        settings={
            "header": "telnyx-signature-ed25519", "timestamp_header": "telnyx-timestamp",
            "signed": "{timestamp}|{body}", "event_type": "data.event_type", "delivery_id": "data.id",
            "event_time": "data.occurred_at",
        },
        secret="the public key of the account",  # noqa: S106
    ),
    "zoom": _hmac(
        "Zoom", "https://developers.zoom.us/docs/api/webhooks/", "x-zm-signature", prefix="v0=",
        timestamp_header="x-zm-request-timestamp", signed="v0:{timestamp}:{body}", event_type="event",
        event_time="event_ts", setup="zoom", secret="the secret token of the app",  # noqa: S106
    ),
    # --- social and advertising ---
    "meta": _hmac(
        "Meta (Facebook, Instagram, WhatsApp, lead ads)",
        "https://developers.facebook.com/docs/graph-api/webhooks/getting-started", "X-Hub-Signature-256",
        prefix="sha256=", split="entry.changes", event_type="entry.changes.field", event_time="entry.time",
        setup="meta", secret="the app secret; choose verify_token yourself",  # noqa: S106
    ),
    "linkedin": _hmac(
        "LinkedIn", "https://learn.microsoft.com/en-us/linkedin/shared/api-guide/webhook-validation", "X-LI-Signature",
        signed="hmacsha256={body}", split="notifications", event_type="type",
        delivery_id="notifications.notificationId", event_time="occurredAt or notifications.lastModifiedAt",
        setup="linkedin",
        # Its page can be read in several ways: the prefix is signed, or stands in the header, or both.
        other_forms=({"prefix": "hmacsha256="}, {"signed": "{body}", "prefix": "hmacsha256="}, {"signed": "{body}"}),
        secret="the client secret of the app",  # noqa: S106
    ),
    "twitch": _hmac(
        "Twitch EventSub", "https://dev.twitch.tv/docs/eventsub/handling-webhook-events/",
        "Twitch-Eventsub-Message-Signature", prefix="sha256=", signed="{id}{timestamp}{body}",
        timestamp_header="Twitch-Eventsub-Message-Timestamp", id_header="Twitch-Eventsub-Message-Id",
        tolerance="10m", event_type="subscription.type", setup="twitch",
    ),
    # --- code hosting and operations ---
    "github": _hmac(
        "GitHub", "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
        "X-Hub-Signature-256", prefix="sha256=", event_type="header:X-GitHub-Event",
        shown_id="header:X-GitHub-Delivery", json_in="payload",
    ),
    "gitlab": Preset(
        title="GitLab", verify="token", fact="https://docs.gitlab.com/user/project/integrations/webhooks/",
        settings={
            "in": ["header"], "header": "X-Gitlab-Token", "event_type": "object_kind",
            "delivery_id": "header:Idempotency-Key",
        },
        secret="the secret token given with the webhook",  # noqa: S106
    ),
    "bitbucket": _hmac(
        "Bitbucket", "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/", "X-Hub-Signature",
        prefix="sha256=", event_type="header:X-Event-Key", shown_id="header:X-Request-UUID",
    ),
    "gitea": _hmac(
        "Gitea and Forgejo", "https://docs.gitea.com/usage/webhooks", "X-Gitea-Signature",
        event_type="header:X-Gitea-Event", shown_id="header:X-Gitea-Delivery",
    ),
    "linear": _hmac(
        "Linear", "https://linear.app/developers/webhooks", "Linear-Signature", event_type="type",
        shown_id="header:Linear-Delivery", event_time="webhookTimestamp",
    ),
    "sentry": _hmac(
        "Sentry", "https://docs.sentry.io/organization/integrations/integration-platform/webhooks/",
        "Sentry-Hook-Signature", event_type="header:Sentry-Hook-Resource", shown_id="header:Request-ID",
        event_time="header:Sentry-Hook-Timestamp", secret="the client secret of the integration",  # noqa: S106
    ),
    "pagerduty": _hmac(
        "PagerDuty", "https://developer.pagerduty.com/docs/verifying-webhook-signatures", "X-PagerDuty-Signature",
        signature_part="v1", event_type="event.event_type", delivery_id="event.id", event_time="event.occurred_at",
    ),
    "jira": _hmac(
        "Jira", "https://developer.atlassian.com/cloud/jira/platform/webhooks/", "X-Hub-Signature", prefix="sha256=",
        event_type="webhookEvent", shown_id="header:X-Atlassian-Webhook-Identifier", event_time="timestamp",
    ),
    "trello": _hmac(
        "Trello", "https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/", "X-Trello-Webhook",
        digest="sha1", encoding="base64", signed="{body}{url}", event_type="action.type", delivery_id="action.id",
        event_time="action.date", setup="head", secret="the secret of the API key",  # noqa: S106
    ),
    "asana": _hmac(
        "Asana", "https://developers.asana.com/docs/webhooks-guide", "X-Hook-Signature", split="events",
        event_type="events.action", event_time="events.created_at", setup="asana",
        secret="the X-Hook-Secret in the answer to POST /webhooks",  # noqa: S106
    ),
    "clickup": _hmac(
        "ClickUp", "https://developer.clickup.com/docs/webhooksignature", "X-Signature", event_type="event",
    ),
    "vercel": _hmac(
        "Vercel", "https://vercel.com/docs/webhooks/webhooks-api", "x-vercel-signature", digest="sha1",
        event_type="type", delivery_id="id", event_time="createdAt",
    ),
    "netlify": Preset(
        title="Netlify", verify="jwt", fact="https://docs.netlify.com/deploy/deploy-notifications/",
        settings={
            "header": "X-Webhook-Signature", "claim": "sha256", "event_type": "header:X-Netlify-Event or state",
            "event_time": "updated_at",
        },
        secret="the JWS secret token given with the notification",  # noqa: S106
    ),
    "contentful": _hmac(
        "Contentful", "https://www.contentful.com/developers/docs/webhooks/request-verification/",
        "x-contentful-signature", timestamp_header="x-contentful-timestamp",
        signed="{method}\n{path}\n{headers:x-contentful-signed-headers}\n{body}",
        event_type="header:X-Contentful-Topic", shown_id="header:X-Contentful-Idempotency-Key",
        event_time="sys.updatedAt or sys.deletedAt",
    ),
    "box": _hmac(
        "Box", "https://developer.box.com/guides/webhooks/v2/signatures-v2/", "box-signature-primary",
        encoding="base64", timestamp_header="box-delivery-timestamp", signed="{body}{timestamp}", tolerance="10m",
        event_type="trigger", delivery_id="id", event_time="created_at",
        other_forms=({"header": "box-signature-secondary"},),
    ),
    "docusign": _hmac(
        "DocuSign Connect", "https://developers.docusign.com/platform/webhooks/connect/hmac/", "X-DocuSign-Signature-1",
        encoding="base64", event_type="event", delivery_id="event + data.envelopeId + generatedDateTime",
        event_time="generatedDateTime",
        other_forms=tuple({"header": f"X-DocuSign-Signature-{number}"} for number in range(2, 11)),
        secret="a key of Connect; DocuSign signs with all its keys",  # noqa: S106
    ),
    # --- identity and platforms ---
    "workos": _hmac(
        "WorkOS", "https://workos.com/docs/events/data-syncing/webhooks", "WorkOS-Signature", **T_V1,
        event_type="event", delivery_id="id", event_time="created_at",
    ),
    "clerk": _standard("Clerk", "https://clerk.com/docs/webhooks/overview", event_type="type", event_time="timestamp"),
    "svix": _standard("Svix", "https://docs.svix.com/receiving/verifying-payloads/how", event_type="type"),
    "microsoft-graph": Preset(
        title="Microsoft Graph", verify="token",
        fact="https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks",
        settings={
            "in": ["body"], "parameter": "value.clientState", "split": "value", "event_type": "value.changeType",
        },
        setup="microsoft-graph", secret="the clientState given with the subscription",  # noqa: S106
    ),
    "event-grid": Preset(
        title="Azure Event Grid", verify="token",
        fact="https://learn.microsoft.com/en-us/azure/event-grid/end-point-validation-event-grid-events-schema",
        settings={"event_type": "eventType or type", "delivery_id": "id", "event_time": "eventTime or time"},
        setup="event-grid", secret="a token of your choice in the address",  # noqa: S106
    ),
    "cloudevents": Preset(
        title="CloudEvents over HTTP", verify="token",
        fact="https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md",
        settings={
            "event_type": "header:ce-type or type",
            "delivery_id": "header:ce-source or source + header:ce-id or id",
            "event_time": "header:ce-time or time",
        },
        setup="cloudevents", secret="a token of your choice in the address",  # noqa: S106
    ),
    "sns": Preset(
        title="Amazon SNS", verify="token",
        fact="https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html",
        settings={"event_type": "Type", "delivery_id": "MessageId", "event_time": "Timestamp"},
        setup="sns", secret="a token of your choice in the address",  # noqa: S106
    ),
}  # fmt: skip
