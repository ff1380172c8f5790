// Package upstream talks to what the data source reads from: a Prometheus and,
// if there are any, the APIs of gnomon sidecars.
//
// Its one job is that a failure says what failed: every error that leaves the
// package is a *Fault with the upstream's name, the cause and what to do about
// it. Answers are read up to a cap, never whole.
package upstream
