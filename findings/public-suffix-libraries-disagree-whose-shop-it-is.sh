#!/usr/bin/env bash
# Three libraries that answer "whose domain is this?" give two answers for a hosted shop, by opposite defaults.
#
# Packages: tldextract 5.4.0, publicsuffixlist 1.1.2.20261023, publicsuffix2 2.20191221.
#
# Expected: all three read the Public Suffix List, so that a referrer's registrable domain is the same for each.
# Seen: the list has a second half with companies that give every customer a name (shops, site builders, app hosting).
# tldextract leaves this half out unless asked, publicsuffixlist uses it unless asked not to, and publicsuffix2 uses the
# half that existed in 2019: shop-a.myshopify.com belongs to myshopify.com, to itself, and to myshopify.com; a.github.io
# to github.io, to itself, and to itself.
#
# Why it matters here: publishers are judged by referrer domain. One library merges all hosted shops into one domain, and
# a rule that blocks one cheat blocks them all. The other one sees a domain per shop, each with too few clicks to judge.
# Two programs of one network that group by domain get different groups.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check tldextract==5.4.0 publicsuffixlist==1.1.2.20261023 publicsuffix2==2.20191221
"$folder/venv/bin/python" - <<'PY'
import publicsuffix2
import tldextract
from publicsuffixlist import PublicSuffixList

# The list inside the package: nothing is fetched, nothing is kept on disk.
extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
suffixes = PublicSuffixList()
answers = {}
for host in ("www.example.co.uk", "shop-a.myshopify.com", "a.github.io", "offer.netlify.app", "me.wordpress.com"):
    answers[host] = (extract(host).top_domain_under_public_suffix, suffixes.privatesuffix(host), publicsuffix2.get_sld(host))
    print(f"{host:22} tldextract {answers[host][0]:16} publicsuffixlist {answers[host][1]:22} publicsuffix2 {answers[host][2]}")
assert answers["www.example.co.uk"] == ("example.co.uk",) * 3
assert answers["shop-a.myshopify.com"] == ("myshopify.com", "shop-a.myshopify.com", "myshopify.com"), "the defaults agree now"
assert answers["a.github.io"] == ("github.io", "a.github.io", "a.github.io")
PY
