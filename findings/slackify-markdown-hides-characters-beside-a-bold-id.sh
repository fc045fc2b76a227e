#!/usr/bin/env bash
# An id in bold gets an invisible character on each side, so that what one copies from the message is another id.
#
# Packages: slackify-markdown 4.5.0 (npm).
#
# Expected: `**offer_42**` becomes `*offer_42*`, the bold of Slack: the id and two marks, nothing else.
# Seen: the marks stand between two characters U+200B (zero width space), also where spaces or the ends of the line stand
# beside them already. Italics and struck text get them too; code does not.
#
# Why it matters here: alerts name offers and clicks in bold. Whoever selects the line and pastes it into a search, or answers
# a bot with it, sends an id that no table knows and cannot see why.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund --ignore-scripts slackify-markdown@4.5.0 > /dev/null
cat > ask.mjs <<'JS'
import slackify from "slackify-markdown";

const slackifyMarkdown = slackify.slackifyMarkdown ?? slackify.default ?? slackify;
const shown = (text) => text.replaceAll("\u200b", "<U+200B>").trim();
let same = true;
for (const [text, wanted] of [
  ["Paused **offer_42** at 9:00", "Paused <U+200B>*offer_42*<U+200B> at 9:00"],
  ["**offer_42**", "<U+200B>*offer_42*<U+200B>"],
  ["Paused `offer_42` at 9:00", "Paused `offer_42` at 9:00"],
]) {
  const found = shown(slackifyMarkdown(text));
  const word = slackifyMarkdown(text).trim().split(" ").find((part) => part.includes("offer_42")).replaceAll(/[*`]/g, "");
  console.log(`${text}  ->  ${found}; the id that one copies is "offer_42": ${word === "offer_42"}`);
  same &&= found === wanted;
}
process.exit(same ? 0 : 1);
JS
node ask.mjs
