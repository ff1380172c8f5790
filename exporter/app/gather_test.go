package app

import (
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/record"
)

type fill int64

func (f fill) Bytes() int64  { return int64(f) }
func (fill) Capacity() int64 { return 100 }

// TestGatherer: a batch or a delay, whichever comes first; nobody else's
// traffic waits, and none does that memory is short for.
func TestGatherer(t *testing.T) {
	delayed := func(d time.Duration, batch int) config.Shadow {
		return config.Shadow{MaxDelay: config.Duration(d), MaxBatch: batch}
	}
	models := []config.Model{{Name: "a", Shadows: []config.Shadow{delayed(time.Second, 3), delayed(time.Minute, 2)}}, {Name: "b", Shadows: []config.Shadow{delayed(0, 64)}}}
	raw := func(models ...string) (out []*record.Capture) {
		for _, m := range models {
			out = append(out, &record.Capture{Model: m})
		}
		return out
	}
	decoded := []*record.Capture{{Model: "a", Records: []record.Record{{Model: "a"}, {Model: "a"}}}}
	for name, c := range map[string]struct {
		captures []*record.Capture
		bytes    fill
		want     time.Duration
	}{
		"one row":                    {raw("a"), 0, time.Minute},
		"enough for one shadow":      {raw("a", "a"), 0, time.Second},
		"a batch":                    {raw("a", "a", "a"), 0, 0},
		"a batch of another":         {raw("b", "a", "b", "b"), 0, time.Minute},
		"a model that does not wait": {raw("b"), 0, 0},
		"the body names the model":   {raw(""), 0, time.Minute},
		"records":                    {decoded, 0, time.Second},
		"memory is short":            {raw("a"), 51, 0},
	} {
		if got := newGatherer(models, c.bytes)(c.captures); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if newGatherer(models[1:], fill(0)) != nil {
		t.Error("it waits for nobody")
	}
}
