#!/usr/bin/env bash
# Install Chromium for the browser tests: Debian's where apt can, else Playwright's own.
set -euo pipefail
browser=${LLMTUNE_CHROMIUM:-/usr/bin/chromium}
if [ -x "$browser" ]; then
  exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-dejavu-core >/dev/null
else
  cd "$(dirname "$0")/../ui-tests"
  jlpm playwright install chromium
fi
