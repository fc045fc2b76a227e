#!/usr/bin/env bash
# A payout of one million, as Go, Python and JavaScript print it, is 106 for a JavaScript money library.
#
# Package: currency.js 2.0.4 (npm).
#
# Expected: `1e+06` is a number in JSON and in every language, so that a money library reads it or refuses it; there is an
# option `errorOnInvalid` for the second.
# Seen: the library removes everything but digits, point and minus from a text and takes the rest as the amount: "1e+06" is
# 106, "2.5e+05" is 2.505, "1,50" is 150, "free" is 0. `errorOnInvalid` changes none of them; it refuses only null and
# values that are neither text nor number. The number 1e6 is read right.
#
# Why it matters here: postbacks carry amounts as text, and trackers written in Go print large sums with an exponent. The
# advertiser with the largest payouts gets caps and invoices over 106; a decimal comma multiplies by a hundred.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --prefix "$folder" currency.js@2.0.4
cat > "$folder/read.mjs" <<'JS'
import assert from 'node:assert/strict';
import currency from 'currency.js';

const strict = (amount) => currency(amount, { errorOnInvalid: true, precision: 6 }).value;
for (const amount of ['1000000', '1e+06', 1e6, '2.5e+05', '1,50', 'free', '8.00']) {
  console.log(`${JSON.stringify(amount).padStart(10)} -> ${strict(amount)}`);
}
assert.equal(strict('1e+06'), 106, 'the exponent is read or refused now');
assert.equal(strict(1e6), 1000000);
assert.equal(strict('2.5e+05'), 2.505);
assert.equal(strict('1,50'), 150);
assert.equal(strict('free'), 0);
assert.throws(() => strict(null), /Invalid/);
JS
node "$folder/read.mjs"
