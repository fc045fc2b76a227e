#!/usr/bin/env bash
# A rightly signed event of Zoom is refused when its JSON has an escape, a space or a decimal zero.
#
# Package: @zoom/rivet 0.4.0 (npm), Zoom's own framework for its webhooks.
#
# Expected: the signature is checked over the bytes that were signed. Zoom's documentation says so: "the request body".
# Seen: the receiver parses the body, writes it anew with JSON.stringify and checks the signature of that text. What JSON
# may write in two ways is refused with status 400: "\u00eb" for "ë", "\/" for "/", 1.0 for 1, a space after a colon, and
# ids of more than 15 digits.
#
# Why it matters here: whoever hands a signed body on (a gateway, a test, a replay) gets "invalid" for a right delivery,
# and which deliveries they are depends on the names of people and on numbers in them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @zoom/rivet@0.4.0
cat >look.mjs <<'JS'
import assert from "node:assert";
import { createHmac } from "node:crypto";
import { AwsLambdaReceiver } from "@zoom/rivet/users";

const secret = "zoom-secret";
const say = (text) => process.stdout.write(`${text}\n`);
for (const level of ["debug", "info", "log", "error"]) console[level] = () => {}; // the package prints each request
const receiver = new AwsLambdaReceiver({ webhooksSecretToken: secret });
receiver.init({ eventEmitter: { emit: async () => {}, on() {} } });
const handler = receiver.start();

async function status(body) {
  const stamp = String(Math.floor(Date.now() / 1000));
  const proof = "v0=" + createHmac("sha256", secret).update(`v0:${stamp}:${body}`).digest("hex");
  const headers = { "x-zm-request-timestamp": stamp, "x-zm-signature": proof };
  return (await handler({ body, headers, isBase64Encoded: false }, {})).statusCode;
}

const event = (value) => `{"event":"user.updated","payload":{"object":{"value":${value}}}}`;
const plain = ['"Zoe"', '"Zoë"', "1", "0.5"];
const escaped = ['"Zo\\u00eb"', '"a\\/b"', "1.0", "5e-1", " 1", "1234567890123456789"];
for (const value of plain) {
  say(`${value}: ${await status(event(value))}`);
  assert.equal(await status(event(value)), 200);
}
for (const value of escaped) {
  JSON.parse(event(value)); // it is valid JSON
  say(`${value}: ${await status(event(value))}`);
  assert.equal(await status(event(value)), 400, "it is taken now");
}
JS
node look.mjs
