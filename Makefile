# gnomon: make help lists the targets.
SHELL := /bin/bash
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -X main.version=$(VERSION)
GO ?= go
# The binding of NVML calls what NVIDIA has deprecated, for old drivers' sake.
export CGO_CFLAGS ?= -g -O2 -Wno-deprecated-declarations
# Modules of their own, so that their many dependencies stay out of gnomon's.
MODULES := grafana-plugin dashboards

.PHONY: help deps build run page browser screenshots tools stack alerts-replay plugin plugin-test plugin-look plugin-compatible plugin-package rules rules-mutation rules-formats test test-statistics test-gpu test-peers lint bench crash fuzz clean servers real test-mlflow check-examples

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

deps: ## fetch ONNX Runtime, pinned and checked by digest (45 MB, once)
	@shadow/onnx/install.sh

build: ## build bin/gnomon
	@mkdir -p bin
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/gnomon ./cmd/gnomon

run: deps build ## run the demo: a real model, watched
	@exec bin/gnomon demo

page: ## build the page from its sources; a difference to what is committed is an error
	@command -v npm >/dev/null || { echo "SKIP page: no npm"; exit 0; }; \
	exporter/page/web/build.sh && git diff --exit-code --stat -- exporter/page/dist

browser: ## fetch what the browser tests need (npm, pinned)
	@if ! command -v npm >/dev/null; then echo "SKIP browser tests: no npm"; \
	elif [ ! -d exporter/page/web/node_modules/playwright-core ]; then \
	  echo "npm ci: playwright-core and the page's build tools"; cd exporter/page/web && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error; fi

screenshots: deps browser ## play the demo and keep the page's screenshots in docs/images
	$(GO) test -count=1 -run TestDemoTellsTheStory ./cmd/gnomon
	@mkdir -p docs/images && cp artifacts/page/drift.png docs/images/ && ls -l docs/images

tools: ## build Prometheus, promtool, Alertmanager and amtool, pinned, into .cache/bin (for gnomon rules test and make rules)
	@mkdir -p .cache/bin
	cd alerts/tools && $(GO) build -o $(CURDIR)/.cache/bin/ github.com/prometheus/prometheus/cmd/promtool github.com/prometheus/prometheus/cmd/prometheus
	cd alerts/tools/alertmanager && $(GO) build -o $(CURDIR)/.cache/bin/ github.com/prometheus/alertmanager/cmd/amtool github.com/prometheus/alertmanager/cmd/alertmanager

stack: deps build ## the demo with a real Prometheus, the alerts and an Alertmanager, 120 times as fast as in production (make tools first)
	@if [ ! -x .cache/bin/prometheus ] || [ ! -x .cache/bin/alertmanager ]; then echo "SKIP stack: no Prometheus or no Alertmanager; make tools builds them"; exit 0; fi; \
	alerts/stack.sh

alerts-replay: build ## two weeks with two incidents through Prometheus' rule engine: what gnomon's, Sloth's and Pyrra's rules tell (some CPU-minutes)
	@bin/gnomon rules generate --config alerts/tools/replay/slo.yaml --output artifacts/replay/gnomon >/dev/null
	cd alerts/tools && $(GO) build -o $(CURDIR)/artifacts/replay/replay ./replay
	artifacts/replay/replay gnomon=artifacts/replay/gnomon sloth=alerts/tools/replay/sloth pyrra=alerts/tools/replay/pyrra

rules: build ## run the tests of the generated rules with promtool; SKIP without one
	@tool=$$(command -v promtool || ls .cache/bin/promtool 2>/dev/null); \
	if [ -z "$$tool" ]; then echo "SKIP rules: no promtool; make tools builds it"; \
	else bin/gnomon rules generate --output artifacts/rules >/dev/null && bin/gnomon rules test artifacts/rules --promtool "$$tool"; fi

rules-mutation: build ## change one thing of the generated rules at a time: a test must notice (EVERY=1 tries all, some CPU-hours; the default one in 20)
	@tool=$$(command -v promtool || ls .cache/bin/promtool 2>/dev/null); \
	if [ -z "$$tool" ]; then echo "SKIP rules-mutation: no promtool; make tools builds it"; \
	else bin/gnomon rules generate --output artifacts/rules >/dev/null && bin/gnomon rules test artifacts/rules --promtool "$$tool" --mutate --mutate.every $${EVERY:-20}; fi

rules-formats: ## hold the generated PrometheusRules and Grafana alerts to the operator's CRD and Grafana's API models
	cd alerts/tools/delivery && $(GO) test ./...

plugin: ## build the Grafana plugin into grafana-plugin/dist: front end (npm) and backend (Go)
	@if ! command -v npm >/dev/null; then echo "SKIP the plugin's front end: no npm"; else cd grafana-plugin && { [ -d node_modules ] || npm ci --no-audit --no-fund --ignore-scripts --loglevel=error; } && npm run build; fi
	cd grafana-plugin && $(GO) build -o dist/gpx_gnomon_$$($(GO) env GOOS)_$$($(GO) env GOARCH) ./pkg

plugin-test: ## test the plugin's front end: types, lint, jest; SKIP without npm
	@if ! command -v npm >/dev/null; then echo "SKIP plugin-test: no npm"; else cd grafana-plugin && { [ -d node_modules ] || npm ci --no-audit --no-fund --ignore-scripts --loglevel=error; } && \
	npm run --silent typecheck && npm run --silent lint && npm run --silent test; fi

plugin-look: deps plugin ## render the dashboards and editors in a Chromium over every phase of the demo; screenshots in artifacts/grafana (make tools first)
	@if ! command -v npm >/dev/null; then echo "SKIP plugin-look: no npm"; exit 0; fi; \
	cd grafana-plugin && { [ -d harness/browser/node_modules ] || (cd harness/browser && npm ci --no-audit --no-fund --ignore-scripts --legacy-peer-deps --loglevel=error); } && \
	$(GO) test ./harness -count=1 -run TestBrowser -timeout 60m -v -look $(LOOK)

plugin-compatible: ## hold the plugin to the interfaces of other versions of Grafana (levitate, from npm); GRAFANA="11.6.7 12.4.10"
	@if ! command -v npx >/dev/null; then echo "SKIP plugin-compatible: no npx"; exit 0; fi; \
	cd grafana-plugin && for v in $(or $(GRAFANA),11.6.7 12.4.10); do npx --yes @grafana/levitate@0.17.2 is-compatible --path src/module.ts --target @grafana/data@$$v,@grafana/ui@$$v,@grafana/runtime@$$v || exit 1; done

plugin-package: plugin ## the zip that Grafana installs, for PLATFORMS, with checksums, checked, in grafana-plugin/artifacts
	cd grafana-plugin && $(GO) run ./cmd/package $(if $(PLATFORMS),--platforms "$(PLATFORMS)")

test: deps browser ## run every test, with the race detector on the concurrent packages
	$(GO) vet ./...
	$(GO) test -race -timeout 30m ./exporter/... ./shadow/... ./cmd/...
	$(GO) test ./driftlib/... ./examples/... ./alerts/...
	@for d in $(MODULES); do [ -f $$d/go.mod ] || continue; echo "module $$d"; (cd $$d && $(GO) test -timeout 30m ./...) || exit 1; done

test-statistics: ## hold the stated rates, delays and intervals by simulation at full length; print the table of docs/statistics.md (4 minutes)
	@set -o pipefail; { $(GO) test -count=1 -v ./driftlib/internal/trust -args -full && $(GO) test -count=1 -v -run TestTrust ./driftlib/verdict -args -full; } | \
	  grep --line-buffered -v '^=== ' | sed -E 's/^ +[a-z_]+\.go:[0-9]+: //'

servers: ## the taps on real servers: Triton, MLServer, Kafka, Envoy, nginx; pandas and DuckDB on the inference log; SKIP what is not here
	@exporter/tap/real/install.sh
	@set -o pipefail; GNOMON_SERVERS=1 $(GO) test -count=1 -timeout 20m -v -run 'Test(Triton|MLServer|Kafka|EnvoyMirror|NginxMirror)$$' ./exporter/tap/real | grep -vE '^=== (RUN|PAUSE|CONT)'
	@set -o pipefail; $(GO) test -count=1 -v -run PandasAndDuckDB ./exporter/inferencelog | grep -vE '^=== RUN'

real: ## optional: the taps on KServe, MLflow, Seldon Core v1, TorchServe; SKIP what is not here
	@exporter/tap/real/install.sh optional
	@set -o pipefail; GNOMON_SERVERS=1 $(GO) test -count=1 -timeout 30m -v -run 'Test(KServe|MLflow|Seldon|TorchServe)$$' ./exporter/tap/real | grep -vE '^=== (RUN|PAUSE|CONT)'

test-mlflow: ## a run and an alias of a real MLflow server (.cache/real/mlflow; SKIP without)
	@if [ ! -x .cache/real/mlflow/bin/mlflow ]; then echo "SKIP test-mlflow: no .cache/real/mlflow (python3.11 -m venv .cache/real/mlflow && .cache/real/mlflow/bin/pip install mlflow==3.17.2)"; \
	else GNOMON_TEST_MLFLOW=1 $(GO) test -count=1 -v -run 'TestRealMLflow' ./exporter/training ./shadow/source; fi

KEDA := github.com/kedacore/keda/v2@v2.17.2
check-examples: ## hold examples/autoscaling to the schemas of Kubernetes and KEDA (SKIP without python3)
	@command -v python3 >/dev/null || { echo "SKIP check-examples: no python3"; exit 0; }; \
	[ -x .cache/examples/bin/python ] || { python3 -m venv .cache/examples && .cache/examples/bin/pip install --quiet -r examples/autoscaling/requirements.txt; }; \
	dir=$$($(GO) mod download -json $(KEDA) | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'); \
	.cache/examples/bin/python examples/autoscaling/validate.py "$$dir/config/crd/bases/keda.sh_scaledobjects.yaml"

lint: ## formatting and vet
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofmt wants to change:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...

crash: ## kill a process that labels with SIGKILL, fifty times
	$(GO) test -run TestKilled -crashes 50 -v ./exporter/monitor/labels

.PHONY: test-gpu
test-gpu: deps ## the engine's conformance suite on CUDA, TensorRT and WebGPU of a real GPU (GNOMON_ONNXRUNTIME_LIBRARY names a library that has them), and the GPU metrics against nvidia-smi; SKIP what is missing
	GNOMON_TEST_GPU=1 $(GO) test -count=1 -v -run 'TestConformance|TestNodesOnTheCPU' ./shadow/onnx | grep -E '^(---|    ---|FAIL|PASS|ok)|SKIP'
	@if ! command -v nvidia-smi >/dev/null || ! nvidia-smi -L >/dev/null 2>&1; then echo "SKIP: no NVIDIA GPU (nvidia-smi lists none) to compare the GPU metrics with"; \
	else GNOMON_TEST_GPU=1 $(GO) test -count=1 -v -run 'TestRealGPU' ./exporter/gpu; fi

bench: deps ## run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./driftlib/... ./shadow/... ./exporter/...

.PHONY: bench-peers
bench-peers: build ## measure gnomon against scipy, Evidently, NannyML and river, interleaved; installs them into .cache/peers (SKIP without python)
	$(GO) build -trimpath -o bin/peers ./driftlib/peers
	@driftlib/peers/install.sh && { command -v python3 >/dev/null || exit 0; python3 driftlib/peers/bench.py . $(BENCH_PEERS); }

test-peers: ## hold the convention of Evidently to the installed tool (make bench-peers installs it; SKIP without)
	GNOMON_TEST_PEERS=1 $(GO) test -count=1 -v -run TestReal ./driftlib/convention

fuzz: ## run every fuzz target for FUZZTIME (default 20s)
	@for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg 2>/dev/null | grep '^Fuzz'); do \
	    echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $${FUZZTIME:-20s} $$pkg || exit 1; \
	  done; \
	done

clean: ## remove what was built (not what was fetched)
	rm -rf bin artifacts
