#!/usr/bin/env bash
# A request that one library signs with rsa-pss-sha512 is refused by the library of the same name in the other language.
#
# Packages: http-message-signatures 1.0.6 (npm), http-message-signatures 3.0.0 (PyPI).
#
# Expected: RFC 9421, 3.3.1, fixes the salt of rsa-pss-sha512 at 64 bytes, so that any two implementations agree.
# Seen: the JavaScript package leaves the length to Node, which takes the largest that fits (190 bytes for a key of 2048 bits),
# and verifies with any length. The Python package demands 64. With Ed25519 and the same request both agree.
#
# Why it matters here: partners sign postbacks with an RSA key of theirs. Every delivery is refused, the key is right, and the
# other direction works, so that each side proves to the other that its own code is fine.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check http-message-signatures==3.0.0
cd "$folder"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund --ignore-scripts http-message-signatures@1.0.6 > /dev/null
cat > sign.mjs <<'JS'
import crypto from "crypto";
import { createSigner, httpbis } from "http-message-signatures";

const signed = [];
for (const [algorithm, pair] of [
  ["rsa-pss-sha512", crypto.generateKeyPairSync("rsa", { modulusLength: 2048 })],
  ["ed25519", crypto.generateKeyPairSync("ed25519")],
]) {
  const request = { method: "GET", url: "https://partner.example/postback?click=c1", headers: { host: "partner.example" } };
  const { headers } = await httpbis.signMessage(
    { key: createSigner(pair.privateKey, algorithm, "k1"), fields: ["@method", "@target-uri"], params: ["created", "keyid"] },
    request,
  );
  signed.push({ algorithm, url: request.url, headers, key: pair.publicKey.export({ type: "spki", format: "pem" }) });
}
console.log(JSON.stringify(signed));
JS
node sign.mjs > signed.json
"$folder/venv/bin/python" - <<'PY'
import json
from types import SimpleNamespace

from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
from http_message_signatures.exceptions import InvalidSignature

found = {}
for row in json.load(open("signed.json")):

    class Resolver(HTTPSignatureKeyResolver):
        def resolve_public_key(self, key_id):
            return row["key"].encode()

    algorithm = {"ed25519": algorithms.ED25519, "rsa-pss-sha512": algorithms.RSA_PSS_SHA512}[row["algorithm"]]
    message = SimpleNamespace(method="GET", url=row["url"], headers=row["headers"])
    try:
        HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=Resolver()).verify(message)
        found[row["algorithm"]] = "accepted"
    except InvalidSignature as error:
        found[row["algorithm"]] = f"refused: {error}"
    print(f"signed by JavaScript with {row['algorithm']}: Python says {found[row['algorithm']]}")
assert found["ed25519"] == "accepted", found
assert found["rsa-pss-sha512"].startswith("refused"), found
PY
