#!/usr/bin/env bash
# Installs the libraries that gnomon is measured against into virtual
# environments of their own under .cache/peers, pinned. An environment that is
# there stays as it is. Prints "SKIP ..." and leaves with 0 where it cannot.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=$(command -v python3 || true)
if [ -z "$python" ] || ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  echo "SKIP bench-peers: no python3 with venv"
  exit 0
fi

# One line an environment: its name, then what pip installs.
peers() {
  cat <<'LIST'
scipy scipy==1.17.1 numpy==2.4.6 pandas==3.1.1 pyarrow==26.0.1
river river==0.22.0
evidently evidently==0.7.23 pandas<3 pyarrow
nannyml nannyml==0.13.1 statsmodels pyarrow
LIST
}

peers | while read -r name packages; do
  [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
  dir=.cache/peers/$name
  [ -f "$dir/installed" ] && [ "$(cat "$dir/installed")" = "$packages" ] && continue
  echo "installing $name: $packages"
  rm -rf "$dir"
  "$python" -m venv "$dir"
  # shellcheck disable=SC2086 # the packages are words
  if "$dir/bin/pip" install --quiet --disable-pip-version-check $packages >"$dir/pip.log" 2>&1; then
    echo "$packages" >"$dir/installed"
  else
    echo "SKIP $name: pip could not install it: $(tail -n 1 "$dir/pip.log")"
  fi
done
