// Package real proves the taps on real model servers with their official
// clients: the same calls directly and through a tap must give the same
// answers, and what was captured must be what was sent. It holds nothing but
// tests; they skip, saying why, where the servers are not installed.
//
// make servers installs what every run of continuous integration uses (Triton,
// MLServer, Kafka, Envoy; install.sh puts it under .cache/real) and runs the
// tests; make real does so for KServe, MLflow, Seldon Core v1 and
// TorchServe. TensorFlow Serving cannot be had as a package.
package real
