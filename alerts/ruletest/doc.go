// Package ruletest generates promtool unit tests for generated rules: for every
// alert that it fires when it must and by when, is quiet just under its limit,
// resolves with its hysteresis, and survives counter resets, absent data, quiet
// hours and redeploys.
//
// What is expected of an SLO's alerts comes from a simulation in simulate.go
// that knows the windows and the arithmetic of burn rates and nothing of
// PromQL; what is expected of the catalogue's alerts is written beside each
// case with its arithmetic. Alerts are read from the ALERTS series, with every
// label.
package ruletest
