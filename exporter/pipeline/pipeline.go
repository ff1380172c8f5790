// Package pipeline is the path of a record: source, sampler, queue, decoder,
// replayer, monitors. It holds the interfaces of its stations and the one
// loop that joins them; the stations live in folders of their own and know
// nothing of each other.
package pipeline

import (
	"context"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// Source taps traffic and emits what the sampler kept.
//
// Run returns when ctx ends (nil) or when it cannot go on (an error). emit
// never blocks and takes ownership of the capture. Run may call it from many
// goroutines.
type Source interface {
	Run(ctx context.Context, emit func(*record.Capture)) error
}

// Sampler decides, from a capture's cohort key alone, whether it is kept. The
// decision for a key is the same in every process with the same salt, and the
// cohort at a lower rate is a subset of the cohort at a higher one. Safe for
// concurrent use.
type Sampler interface {
	Keep(key string) bool
	Rate() float64
}

// Decoder turns a capture's bytes into records, one a row. Oddities that it
// could read past are reported by kind through the observer it was built with;
// an error means that nothing could be read. Safe for concurrent use.
type Decoder interface {
	Decode(*record.Capture) ([]record.Record, error)
}

// Replayer runs records on the shadows and compares. It returns one
// observation a record, in order, also where a shadow failed; the error is the
// context's.
type Replayer interface {
	Replay(ctx context.Context, records []record.Record) ([]record.Observation, error)
}

// Monitor folds observations into its state. Observe is called from one
// goroutine at a time, in batches; it does not keep the slice. What a monitor
// makes of its state is its own folder's business.
type Monitor interface {
	Observe([]record.Observation)
}
