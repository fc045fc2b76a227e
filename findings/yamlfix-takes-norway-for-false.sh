#!/usr/bin/env bash
# A formatter for YAML writes `false` for Norway and `true` for "on", but only where a list is written one item a line.
#
# Packages: yamlfix 1.19.1 (PyPI), yaml 2.9.1 (npm) as a reader of YAML 1.2.
#
# Expected: a formatter changes how a file looks. In YAML 1.2 `NO`, `yes` and `on` are texts.
# Seen: `country: NO` becomes `country: false`, and the list of NO and SE becomes [false, SE]. The same list between
# brackets stays as it is. Whoever reads the file by YAML 1.2 had a country before and has a boolean after.
#
# Why it matters here: rules of affiliate networks name countries, and live in git with formatters that run before each
# commit. A rule for the Nordics loses Norway, compares a country with false, and never says yes there again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check yamlfix==1.19.1
npm install --silent --no-audit --no-fund --prefix "$folder" yaml@2.9.1
printf 'country: NO\nnordics:\n  - NO\n  - SE\nsame: [NO, SE]\nstate: on\n' > "$folder/before.yaml"
cp "$folder/before.yaml" "$folder/after.yaml"
"$folder/venv/bin/yamlfix" "$folder/after.yaml" > "$folder/log" 2>&1
cat > "$folder/read.mjs" <<'JS'
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

const read = (file) => JSON.stringify(parse(readFileSync(new URL(file, import.meta.url), 'utf8')));
const [before, after] = [read('before.yaml'), read('after.yaml')];
console.log('before', before);
console.log('after ', after);
const same = before === '{"country":"NO","nordics":["NO","SE"],"same":["NO","SE"],"state":"on"}'
  && after === '{"country":false,"nordics":[false,"SE"],"same":["NO","SE"],"state":true}';
process.exit(same ? 0 : 1);
JS
node "$folder/read.mjs"
