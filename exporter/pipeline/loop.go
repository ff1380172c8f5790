package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// Queue is where sampled captures wait. PopBatch blocks for the first, then
// appends what else is there to dst, up to limit; it returns an error when ctx
// ends or the queue is closed and empty.
type Queue interface {
	PopBatch(ctx context.Context, dst []*record.Capture, limit int) ([]*record.Capture, error)
}

// Loop is everything behind the queue. One goroutine runs it: the monitors
// need no locks against each other, and more engines, not more loops, are how
// replay scales.
type Loop struct {
	Queue    Queue
	Decoder  Decoder
	Replayer Replayer
	Monitor  Monitor
	Batch    int // captures taken at once

	// Undecodable is told of each capture that held nothing readable.
	Undecodable func(*record.Capture, error)
	// Gather, where given, says how long the loop may wait, counted from the
	// first capture, so that more can be run with those; 0: it does not. It is
	// asked again with every capture that comes, and no more than Batch are taken.
	Gather func([]*record.Capture) time.Duration
	// Pace, where given, is told after each batch how long it kept the loop
	// busy, and returns when the next may begin.
	Pace func(ctx context.Context, busy time.Duration)
}

// Run carries captures to the monitors until ctx ends. What is still in the
// queue then is lost, and that is right: the process is going.
func (l *Loop) Run(ctx context.Context) error {
	captures := make([]*record.Capture, 0, l.Batch)
	for {
		var err error
		captures, err = l.Queue.PopBatch(ctx, captures[:0], l.Batch)
		if err == nil && l.Gather != nil {
			captures = l.gather(ctx, captures, time.Now())
		}
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		}
		began := time.Now()
		l.step(ctx, captures)
		if l.Pace != nil {
			l.Pace(ctx, time.Since(began))
		}
	}
}

// gather waits for more captures while it may. An error of the queue is left
// to the next Pop: what was taken is carried first.
func (l *Loop) gather(ctx context.Context, captures []*record.Capture, first time.Time) []*record.Capture {
	for len(captures) < l.Batch {
		rest := l.Gather(captures) - time.Since(first)
		if rest <= 0 {
			return captures
		}
		limited, cancel := context.WithTimeout(ctx, rest)
		more, err := l.Queue.PopBatch(limited, captures, l.Batch-len(captures))
		cancel()
		if err != nil {
			return captures
		}
		captures = more
	}
	return captures
}

// step is the path of one batch. Captures are released last: records may
// share their bytes.
func (l *Loop) step(ctx context.Context, captures []*record.Capture) {
	defer func() {
		for _, c := range captures {
			c.Release()
		}
	}()
	records := l.decode(captures)
	if len(records) == 0 {
		return
	}
	observations, err := l.Replayer.Replay(ctx, records)
	if err != nil {
		return // the context has ended
	}
	l.Monitor.Observe(observations)
}

func (l *Loop) decode(captures []*record.Capture) []record.Record {
	records := make([]record.Record, 0, len(captures))
	for _, c := range captures {
		if c.Records != nil {
			records = append(records, c.Records...)
			continue
		}
		rows, err := l.Decoder.Decode(c)
		if err != nil {
			l.Undecodable(c, err)
			continue
		}
		records = append(records, rows...)
	}
	return records
}
