#!/usr/bin/env bash
# One iPhone runs iOS 18.6 by one user agent parser and iOS 26.0 by another; in Chrome both say 26.
#
# Packages: ua-parser 1.0.2 with ua-parser-builtins 202610, device-detector 6.5.1.
#
# Expected: the version behind "iPhone OS" is the phone's, and parsers that keep their tables up to date agree on it.
# Seen: since version 26 Safari keeps "iPhone OS 18_6" for ever, as WebKit announced. ua-parser reports what is written.
# device-detector takes the browser's version for the system's. Chrome on the same phone writes the real one, so that by
# ua-parser a visitor who changes the browser jumps eight versions. And device-detector calls an iPhone a smartphone in
# the browser and a phablet in Facebook's app, which names the model (iPhone15,2).
#
# Why it matters here: "one device, two operating systems between click and conversion" is a usual sign of fraud, and
# offers are limited to "iOS 17 and later". With the click seen by one parser and the install by another, honest iPhones
# fail both. Compare system versions of Apple phones only within one parser, or not at all.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check ua-parser==1.0.2 ua-parser-builtins==202610 device-detector==6.5.1
"$folder/venv/bin/python" - <<'PY'
from device_detector import DeviceDetector
from ua_parser import parse_os

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS {} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) {}"
APP = "FBAN/FBIOS;FBAV/480.0.0.40.108;FBDV/iPhone15,2;FBMD/iPhone;FBSN/iOS;FBSV/18.6;FBSS/3;FBID/phone;FBLC/de_DE"
agents = {
    "Safari": PHONE.format("18_6", "Version/26.0 Mobile/15E148 Safari/604.1"),
    "Chrome": PHONE.format("26_0_0", "CriOS/141.0.7390.41 Mobile/15E148 Safari/604.1"),
    "Facebook": PHONE.format("18_6", f"Mobile/15E148 [{APP}]"),
}
seen = {}
for name, agent in agents.items():
    system, device = parse_os(agent), DeviceDetector(agent).parse()
    seen[name] = (f"{system.major}.{system.minor}", device.os_version(), str(device.device_type()))
    print(f"{name:9} ua-parser iOS {seen[name][0]}, device-detector iOS {seen[name][1]}, {seen[name][2]}")
assert seen["Safari"] == ("18.6", "26.0", "smartphone"), "the parsers agree on Safari now"
assert seen["Chrome"][0] == "26.0" and seen["Chrome"][1].startswith("26.0")
assert seen["Facebook"] == ("18.6", "18.6", "phablet")
PY
