#!/usr/bin/env bash
# Builds ../dist from src. The result is committed, so that go build needs no
# npm; `make page` runs this and shows whether it is up to date.
set -euo pipefail
cd "$(dirname "$0")"
[ -d node_modules ] || npm ci --no-audit --no-fund --ignore-scripts
npx tsc --noEmit
npx esbuild src/main.ts --bundle --minify --target=es2022 --legal-comments=eof --outfile=../dist/app.js --log-level=warning
npx esbuild src/report.ts --bundle --minify --target=es2022 --legal-comments=none --outfile=../dist/report.js --log-level=warning
npx esbuild src/style.css --bundle --minify --outfile=../dist/app.css --log-level=warning
cp src/index.html ../dist/index.html
