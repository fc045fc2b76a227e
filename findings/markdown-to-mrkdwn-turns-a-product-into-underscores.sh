#!/usr/bin/env bash
# "payout * 2 * clicks" becomes "payout _ 2 _ clicks", in code as well.
#
# Packages: markdown-to-mrkdwn 0.3.3, markdown-it-py 4.2.0 beside it.
#
# Expected: a star with spaces on both sides opens no emphasis (CommonMark, section 6.2), and what stands in code is left alone.
# Seen: the converter takes every pair of stars for italics, and changes stars, double stars, tildes and links inside code spans.
# Only fenced blocks stay as they are.
#
# Why it matters here: alerts explain a decision with the formula that made it. The formula that arrives in Slack is another
# one, and whoever copies it back into a rule gets a syntax error, or a name with an underscore.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check markdown-to-mrkdwn==0.3.3 markdown-it-py==4.2.0
"$folder/venv/bin/python" - <<'PY'
from markdown_it import MarkdownIt
from markdown_to_mrkdwn import SlackMarkdownConverter

found = {}
for text in ("payout * 2 * clicks", "`payout * 2 * clicks`", "`**{click_id}**`"):
    found[text] = SlackMarkdownConverter().convert(text)
    print(f"{text}\n  CommonMark: {MarkdownIt().renderInline(text)}\n  Slack:      {found[text]}")
    assert "<em>" not in MarkdownIt().renderInline(text)
assert list(found.values()) == ["payout _ 2 _ clicks", "`payout _ 2 _ clicks`", "`*{click_id}*`"], found
PY
