#!/usr/bin/env bash
# Puts the ONNX Runtime library under .cache/onnxruntime/VERSION/, from the npm
# package that carries it, pinned by version and checked by digest. Does
# nothing, and needs no network, when the file is already there.
set -euo pipefail

version=1.30.0
integrity='twhs1C2C/BFkz1yc5OY0KIU2GUq6DURO7hD4bx5Q2Qy3nAMJwRXW8xU3NVczE29VA9lolLOYepoD8fjTGOfIqw=='

root=$(cd "$(dirname "$0")/../.." && pwd)
case "$(uname -s)/$(uname -m)" in
  Linux/x86_64) member=linux/x64/libonnxruntime.so.1 name=libonnxruntime.so.1 ;;
  Linux/aarch64) member=linux/arm64/libonnxruntime.so.1 name=libonnxruntime.so.1 ;;
  Darwin/arm64) member=darwin/arm64/libonnxruntime.1.dylib name=libonnxruntime.1.dylib ;;
  *) echo "onnxruntime: no library in the npm package for $(uname -s)/$(uname -m); install ONNX Runtime $version yourself and set GNOMON_ONNXRUNTIME_LIBRARY" >&2; exit 1 ;;
esac

dir="$root/.cache/onnxruntime/$version"
[ -f "$dir/$name" ] && exit 0
command -v npm >/dev/null || { echo "onnxruntime: npm is needed once, to fetch the library (or set GNOMON_ONNXRUNTIME_LIBRARY)" >&2; exit 1; }

echo "onnxruntime: fetching onnxruntime-node@$version with npm pack (45 MB, once)"
mkdir -p "$dir"
work=$(mktemp -d "$dir/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent --ignore-scripts "onnxruntime-node@$version" >/dev/null)
tarball="$work/onnxruntime-node-$version.tgz"
got=$(node -e 'const c=require("crypto"),f=require("fs");process.stdout.write(c.createHash("sha512").update(f.readFileSync(process.argv[1])).digest("base64"))' "$tarball")
if [ "$got" != "$integrity" ]; then
  echo "onnxruntime: digest of onnxruntime-node@$version is sha512-$got, want sha512-$integrity" >&2
  exit 1
fi
tar -xzf "$tarball" -C "$work" "package/bin/napi-v6/$member"
mv "$work/package/bin/napi-v6/$member" "$dir/$name"
echo "onnxruntime: $dir/$name"
