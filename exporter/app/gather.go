package app

import (
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/record"
)

// backlog is how full the captures' memory is.
type backlog interface {
	Bytes() int64
	Capacity() int64
}

// newGatherer is how long captures may wait for more, for the shadows that set
// max_delay; nil where none does. A shadow waits until its max_batch is there
// or its max_delay is over. Nobody waits once half of the queue's memory is
// taken: what would not fit is lost to all shadows.
func newGatherer(models []config.Model, queue backlog) func([]*record.Capture) time.Duration {
	waiting := map[string][]config.Shadow{} // by model
	for _, m := range models {
		for _, s := range m.Shadows {
			if s.MaxDelay > 0 {
				waiting[m.Name] = append(waiting[m.Name], s)
			}
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	return func(captures []*record.Capture) time.Duration {
		if queue.Bytes() > queue.Capacity()/2 {
			return 0
		}
		rows := map[string]int{}
		for _, c := range captures {
			if c.Records == nil {
				rows[c.Model]++ // a row at least; the body is not read yet
			}
			for i := range c.Records {
				rows[c.Records[i].Model]++
			}
		}
		var delay time.Duration
		for model, list := range waiting {
			n, unknown := rows[model], rows[""] // unknown: only the body names the model
			for _, s := range list {
				if n+unknown > 0 && n < s.MaxBatch {
					delay = max(delay, time.Duration(s.MaxDelay))
				}
			}
		}
		return delay
	}
}
