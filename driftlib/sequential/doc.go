// Package sequential watches streams and raises alarms at a stated rate: a
// detector may be looked at after every record, for ever, and the mean time to
// a false alarm stays what was asked for. A p-value, looked at again and again,
// alarms without end.
//
// Detector is a conformal Shiryaev-Roberts e-detector of one feature: the rank
// of each value among the reference and everything seen since is independent
// and uniform while the stream is like the reference (whatever the law); bets
// against uniformity multiply up when it is not. Group adds up the evidence of
// a model's features and blames the ones that carry it. Episode follows a
// feature from its alarm to the verdict on its size and to its end. Rate and
// Disagreement are the same for events.
//
// Sources: Shin, Ramdas and Rinaldo, "E-detectors" (2023); Vovk et al.,
// "Retrain or not retrain: conformal test martingales for change-point
// detection" (2021); Rao and Scott (1981) for dependent rows.
package sequential

import "errors"

// ErrReference: a reference that cannot be learned from.
var ErrReference = errors.New("unusable reference")
