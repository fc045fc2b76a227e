#!/usr/bin/env bash
# A payout of "7" is above 6, is below 8, and does not equal 7, in one rule engine; "7 USD" is neither above nor below.
#
# Package: json-rules-engine 7.3.1 (npm).
#
# Expected: a text is compared as a number everywhere or nowhere, or the engine says that it cannot compare.
# Seen: the comparisons by size convert texts and lists ([7] is above 6, too), `equal` and `in` do not. A text that begins
# with a number passes the check for numbers and then compares as none: all four comparisons by size are false, silently.
#
# Why it matters here: everything in a postback is a text. `payout >= 7` acts on it and `payout = 7` never does; a sender
# that begins to write the currency behind the amount switches every such rule off, and none of them says so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --prefix "$folder" json-rules-engine@7.3.1
cat > "$folder/ask.mjs" <<'JS'
import { Engine } from 'json-rules-engine';

const ASKED = [['greaterThan', 6], ['lessThan', 8], ['greaterThanInclusive', 7], ['equal', 7], ['in', [7]]];
const EXPECTED = { '7': 'true true true true true', '"7"': 'true true true false false', '[7]': 'true true true false false',
  '"7 USD"': 'false false false false false' };

async function holds(operator, value, payout) {
  const engine = new Engine([{ conditions: { all: [{ fact: 'payout', operator, value }] }, event: { type: 'yes' } }]);
  return (await engine.run({ payout })).events.length === 1;
}

let same = true;
console.log('payout     ' + ASKED.map(([operator, value]) => `${operator} ${JSON.stringify(value)}`).join(', '));
for (const payout of [7, '7', [7], '7 USD']) {
  const answers = [];
  for (const [operator, value] of ASKED) answers.push(await holds(operator, value, payout));
  const name = JSON.stringify(payout);
  console.log(name.padEnd(10), answers.join(' '));
  same &&= answers.join(' ') === EXPECTED[name];
}
process.exit(same ? 0 : 1);
JS
node "$folder/ask.mjs"
