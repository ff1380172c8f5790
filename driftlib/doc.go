// Package driftlib is a library of the statistics that tell whether two
// samples of the same quantity follow the same law, and of everything around
// them that monitoring a model needs: reference profiles (driftlib/profile),
// sliding windows (driftlib/window), verdicts with effect size and adjusted
// p-value (driftlib/verdict), sequential detectors with a stated rate of false
// alarms (driftlib/sequential), calibration (driftlib/calibration), tests of whole
// vectors (driftlib/multivariate).
//
// A figure without its definition is not comparable: every function here
// states formula, base, floor, range and source. Arguments are never changed.
// Bad input is an error that errors.Is can tell apart, never a panic and never
// NaN.
//
// Shares and counts: functions over binned data take counts (any non-negative
// weights); shares are taken inside.
package driftlib

import "errors"

// Errors of bad input.
var (
	// ErrEmpty: a sample or a set of bins without observations.
	ErrEmpty = errors.New("no observations")
	// ErrLength: two sets of bins, or values and weights, of different length.
	ErrLength = errors.New("lengths differ")
	// ErrValue: NaN, a negative count or a negative weight.
	ErrValue = errors.New("value out of range")
	// ErrDegenerate: too few values, or all of them equal, where a statistic
	// needs a spread.
	ErrDegenerate = errors.New("too few distinct values")
)
