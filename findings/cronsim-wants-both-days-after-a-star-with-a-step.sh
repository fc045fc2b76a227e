#!/usr/bin/env bash
# `0 0 */2 * 1` runs twice in January 2027 by one cron library and eighteen times by three others.
#
# Packages: cronsim 2.8, croniter 7.0.0; on npm croner 11.0.1 and cron-parser 5.10.6.
#
# Expected: where day of month and day of week are both restricted, either is enough. That is the one odd rule of cron
# that everybody learns, and `*/2` restricts.
# Seen: cronsim looks at the first character, as Debian's cron does: a field that begins with a star is no restriction for
# this rule, and both fields must fit. `1-31/2`, which means the same days, is joined with "or" again. croniter, croner and
# cron-parser join with "or" in both spellings. No library warns.
#
# Why it matters here: a schedule that was tried in a preview made with a JavaScript library, or moved from another tool,
# loses most of its runs: of eighteen cap resets in a month two are left, and none of them fails.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check cronsim==2.8 croniter==7.0.0
npm install --silent --no-audit --no-fund --prefix "$folder" croner@11.0.1 cron-parser@5.10.6
cat > "$folder/ask.mjs" <<'JS'
import { Cron } from 'croner';
import { CronExpressionParser } from 'cron-parser';

const begin = new Date('2026-12-31T12:00:00Z');
const end = new Date('2027-02-01T00:00:00Z');
for (const expression of ['0 0 */2 * 1', '0 0 1-31/2 * 1']) {
  const days = { croner: [], 'cron-parser': [] };
  for (const at of new Cron(expression, { timezone: 'UTC' }).nextRuns(31, begin)) if (at < end) days.croner.push(at.getUTCDate());
  const dates = CronExpressionParser.parse(expression, { currentDate: begin, tz: 'UTC' });
  for (let at = dates.next().toDate(); at < end; at = dates.next().toDate()) days['cron-parser'].push(at.getUTCDate());
  for (const [name, found] of Object.entries(days)) console.log([expression, name, found.join(' ')].join('\t'));
}
JS
node "$folder/ask.mjs" > "$folder/javascript.tsv"
"$folder/venv/bin/python" - "$folder/javascript.tsv" <<'PY'
import sys
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path

from croniter import croniter
from cronsim import CronSim

BEGIN, END = datetime(2026, 12, 31, 12, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)


def january(moments):
    return " ".join(str(moment.day) for moment in takewhile(lambda moment: moment < END, moments))


found = {}
for expression in ("0 0 */2 * 1", "0 0 1-31/2 * 1"):
    found[expression, "cronsim"] = january(CronSim(expression, BEGIN))
    found[expression, "croniter"] = january(croniter(expression, BEGIN).all_next(datetime))
for line in Path(sys.argv[1]).read_text().splitlines():
    expression, name, days = line.split("\t")
    found[expression, name] = days
for (expression, name), days in sorted(found.items()):
    print(f"{expression:15} {name:12} January 2027: {days}")

star, spelled_out = "0 0 */2 * 1", "0 0 1-31/2 * 1"
either = found[star, "croniter"]
assert found[star, "cronsim"] == "11 25", "a star with a step is joined with 'or' now"
assert len(either.split()) == 18
assert found[star, "croner"] == found[star, "cron-parser"] == either
assert {found[spelled_out, name] for name in ("cronsim", "croniter", "croner", "cron-parser")} == {either}
PY
