#!/bin/sh
# The demo beside a real Prometheus and a real Alertmanager with the generated
# rules, 120 times as fast as in production. Ends with Ctrl-C, all of it.
set -eu
cd "$(dirname "$0")/.."
dir=${DIR:-artifacts/stack}
gnomon=${GNOMON:-bin/gnomon}
mkdir -p "$dir"
pages=${PAGES:-127.0.0.1:9464}
prometheus=${PROMETHEUS:-127.0.0.1:9090}
alertmanager=${ALERTMANAGER:-127.0.0.1:9093}
"$gnomon" rules generate --compress 120 --output "$dir" >/dev/null
cat > "$dir/prometheus.yml" <<END
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules/*.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ["$alertmanager"]}]}]}
scrape_configs: [{job_name: gnomon, static_configs: [{targets: ["$pages"]}]}]
END
pids=
# Each is ended by its own number.
stop() { for p in $pids; do kill "$p" 2>/dev/null || true; done; wait; }
trap stop EXIT
trap 'exit 0' INT TERM
.cache/bin/alertmanager --config.file "$dir/alertmanager/alertmanager.yml" --storage.path "$dir/alertmanager-data" --web.listen-address "$alertmanager" --cluster.listen-address "" --log.level error &
pids="$pids $!"
.cache/bin/prometheus --config.file "$dir/prometheus.yml" --storage.tsdb.path "$dir/data" --web.listen-address "$prometheus" --log.level error &
pids="$pids $!"
echo "alerts        http://$prometheus/alerts"
echo "notifications http://$alertmanager/#/alerts"
"$gnomon" demo --web.listen-address "$pages" "$@" &
pids="$pids $!"
wait $!
