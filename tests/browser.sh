#!/usr/bin/env bash
# Drive the listening page in a headless Chromium: install it where it is missing, then run the tests
# that need it. The arguments go to pytest; --possible alone ends before it, if there is a Chromium.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/debian.sh
command -v google-chrome >/dev/null || need_programs chromium chromium
[ "$*" != --possible ] || exit 0
python -m pytest tests/test_listening_browser.py "$@"
