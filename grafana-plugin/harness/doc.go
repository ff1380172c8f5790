// Package harness is what stands in for Grafana where the plugin is tested: it
// launches the built backend as Grafana does, over the same protocol and with
// the same context, offers the part of Grafana's HTTP interface that a data
// source's front end uses, and brings up the real things behind it, a Prometheus
// that scrapes gnomon demo.
package harness
