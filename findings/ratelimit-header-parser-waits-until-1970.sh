#!/usr/bin/env bash
# `Retry-After: 30` beside a limit is read as thirty seconds after 1 January 1970, and a reset in milliseconds as the year 58884.
#
# Packages: ratelimit-header-parser 0.1.0 (npm).
#
# Expected: Retry-After is a number of seconds from now, or a date of HTTP (RFC 9110, 10.2.3). A parser that detects the unit
# of a reset tells seconds from milliseconds by their size.
# Seen: the fallback to Retry-After reads the number as a date, which lies 56 years back. Milliseconds since 1970 are taken for
# seconds. An `X-RateLimit-Reset` of 30 is read rightly as 30 seconds from now.
#
# Why it matters here: clients of report APIs sleep until `reset`. With one sender they do not sleep at all and ask in a tight
# loop until the key is blocked; with the other they never wake.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund --ignore-scripts ratelimit-header-parser@0.1.0 > /dev/null
cat > ask.mjs <<'JS'
import { parseRateLimit } from "ratelimit-header-parser";

const limits = { "x-ratelimit-limit": "100", "x-ratelimit-remaining": "0" };
const inAMinute = Date.now() + 60_000;
const seconds = (name, headers) => {
  const { reset } = parseRateLimit({ ...limits, ...headers });
  console.log(`${name}: reset at ${reset.toISOString()}`);
  return (reset - Date.now()) / 1000;
};
const relative = seconds("X-RateLimit-Reset: 30", { "x-ratelimit-reset": "30" });
const absolute = seconds("X-RateLimit-Reset in seconds since 1970", { "x-ratelimit-reset": String(Math.floor(inAMinute / 1000)) });
const millis = seconds("X-RateLimit-Reset in milliseconds since 1970", { "x-ratelimit-reset": String(inAMinute) });
const retryAfter = seconds("Retry-After: 30", { "retry-after": "30" });
const near = (value, wanted) => Math.abs(value - wanted) < 5;
process.exit(near(relative, 30) && near(absolute, 60) && millis > 1e12 && retryAfter < -1e9 ? 0 : 1);
JS
node ask.mjs
