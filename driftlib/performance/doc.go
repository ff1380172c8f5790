// Package performance says how well a model does: classification, regression,
// ranking and sequence metrics.
//
// Every result is a Metric: a value with a 95 % interval and its number of
// observations, or the reason why there is no value. A share that nothing was
// counted for is "undefined: no positive predictions", never NaN and never a
// quiet zero. Confusion and ErrorRate take a stream; the functions take slices,
// which they do not change.
//
// Intervals are for a fixed number of independent observations. They are void
// as alarms: use driftlib/sequential for a figure that is looked at again and
// again.
package performance

import "errors"

// Errors of bad input.
var (
	// ErrEmpty: no observations at all.
	ErrEmpty = errors.New("no observations")
	// ErrLength: slices that belong together differ in length.
	ErrLength = errors.New("lengths differ")
	// ErrValue: NaN, an infinity, a probability outside [0, 1], an index or a
	// parameter out of its range.
	ErrValue = errors.New("value out of range")
	// ErrLabels: more distinct labels than MaxLabels.
	ErrLabels = errors.New("too many labels")
)
