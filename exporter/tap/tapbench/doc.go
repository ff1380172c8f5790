// Package tapbench measures what the HTTP and gRPC taps cost beside their peers: the
// same load through nginx, nginx with mirror, nginx grpc_pass, HAProxy,
// ReverseProxy and the ways of the tap, in one run, each in a process of its own. It holds nothing
// but benchmarks:
//
//	go test -run '^$' -bench . -benchtime 1x ./exporter/tap/tapbench
//
// TAPBENCH_PROFILE=FILE writes a CPU profile of the tap, one a rate.
//
// Only ratios between rows of one run mean something: the machine is shared.
package tapbench
